"""One self-contained page for people: activity budget, and each video with its picture and ethogram."""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from wildact.atomic import replacing
from wildact.export.colors import result_hex
from wildact.export.ethogram import LIGHT_NAMES
from wildact.export.tables import VideoOutcome, bout_rows, path_within, track_rows
from wildact.types import UNKNOWN, VideoResult

Seconds = defaultdict[str, Counter[str]]

MOST_PICTURES = 50_000_000
"""Bytes of pictures on the page: of about 1500 videos. With those of ten thousand no browser opens it."""


def save_report(
    out: Path,
    outcomes: Iterable[VideoOutcome],
    *,
    run: Mapping[str, Any],
    most_pictures: int = MOST_PICTURES,
) -> None:
    """Write ``out/report.html``; pictures are within the file, nothing is loaded from elsewhere.

    Args:
        out: folder of the run.
        outcomes: read once, one at a time.
        run: what ``run.json`` holds; ``models`` and ``environment`` are shown.
        most_pictures: bytes of picture files that the page may hold. The videos after those that fill it are
            on it without pictures, and it says where these lie.

    Raises:
        OutputError: if the file cannot be written.
    """
    by_species: Seconds = defaultdict(Counter)
    by_light: Seconds = defaultdict(Counter)
    tracks: Counter[str] = Counter()
    moving: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    videos, watched_s = [], 0.0
    colors: dict[str, str] = {}
    taxa: dict[str, str] = {}
    room = most_pictures
    for outcome in outcomes:
        pictures = _read_pictures(outcome) if room >= 0 else {}  # a full page needs no more reading
        room -= sum(map(len, pictures.values()))
        videos.append(_video(outcome, out, pictures if room >= 0 else None))
        if outcome.result is not None:
            watched_s += float(outcome.result.info.duration or 0)
            _add_budget(outcome.result, by_species, by_light, tracks)
            _add_movement(outcome.result, moving)
            colors |= result_hex(outcome.result)
            taxa |= {t.label: f"{t.rank} {t.scientific_name}".strip() for t in outcome.result.tracks}
    names = sorted(
        {action for seconds in by_species.values() for action in seconds},
        key=lambda name: (name == UNKNOWN, name),
    )
    shown = {name: colors[name] for name in names}

    def rows(of: Seconds) -> list[dict[str, Any]]:
        return [_budget_row(name, of[name], tracks[name], shown, moving) for name in sorted(of)]

    models = run.get("models", {})
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            videos=videos,
            count={
                status: sum(v["status"] == status for v in videos) for status in ("ok", "blank", "failed")
            },
            animals=sum(v["tracks"] for v in videos),
            unpictured=sum(bool(v["elsewhere"]) for v in videos),
            watched=_duration(watched_s),
            budget=rows(by_species),
            lights=rows(by_light),
            taxa=taxa,
            actions=[{"name": name, "color": color} for name, color in shown.items()],
            models=models,
            simulated={part for part, model in models.items() if model.get("trained_on_simulation")},
            date=run.get("environment", {}).get("date_utc", "")[:10],
            version=run.get("environment", {}).get("versions", {}).get("wildact", ""),
        )
    )
    with replacing(out / "report.html") as part:
        part.write_text(page, encoding="utf-8")


def _environment() -> Environment:
    """File names come from strangers: everything is escaped."""
    return Environment(
        loader=PackageLoader("wildact.export", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _video(outcome: VideoOutcome, out: Path, pictures: Mapping[str, bytes] | None) -> dict[str, Any]:
    """What the page says of one video; without pictures, where they lie."""
    result = outcome.result
    if result is None:
        return {
            "name": outcome.video, "status": "failed", "light": "", "summary": "", "error": outcome.error,
            "warnings": (), "thumbnail": "", "ethogram": "", "elsewhere": "", "bouts": (), "tracks": 0,
        }  # fmt: skip
    species = {track.track_id: track.label for track in result.tracks}
    counts = Counter(species.values())
    who = ", ".join(f"{n} × {name}" for name, n in sorted(counts.items()))
    return {
        "name": outcome.video,
        "status": result.status,
        "light": LIGHT_NAMES[result.light],
        "summary": " · ".join(part for part in (_duration(float(result.info.duration or 0)), who) if part),
        "error": "",
        "warnings": result.warnings,
        "thumbnail": _data_uri(pictures or {}, "thumbnail.jpg", "image/jpeg"),
        "ethogram": _data_uri(pictures or {}, "ethogram.png", "image/png"),
        "elsewhere": ""
        if pictures is not None or outcome.folder is None
        else path_within(outcome.folder, out),
        "bouts": [
            {
                "track_id": bout.track_id,
                "species": species[bout.track_id],
                "action": bout.action,
                "start_s": bout.start_s,
                "end_s": bout.end_s,
                "score": bout.score,
                "movement": row["movement"] or "",
            }
            for bout, row in zip(result.bouts, bout_rows("", result), strict=True)
        ],
        "tracks": len(result.tracks),
    }


def _read_pictures(outcome: VideoOutcome) -> dict[str, bytes]:
    """Picture files of a video by their names: those that there are."""
    if outcome.folder is None or outcome.result is None:
        return {}
    names = ("thumbnail.jpg", "ethogram.png") if outcome.result.tracks else ("thumbnail.jpg",)
    return {name: path.read_bytes() for name in names if (path := outcome.folder / name).is_file()}


def _data_uri(pictures: Mapping[str, bytes], name: str, kind: str) -> str:
    """A picture as it stands in the page; empty where there is none."""
    return f"data:{kind};base64,{base64.b64encode(pictures[name]).decode()}" if name in pictures else ""


def _add_budget(result: VideoResult, by_species: Seconds, by_light: Seconds, tracks: Counter[str]) -> None:
    species = {track.track_id: track.label for track in result.tracks}
    light = f"by {LIGHT_NAMES[result.light]}"
    for name in species.values():
        tracks[name] += 1
        tracks[light] += 1
        for rows, key in ((by_species, name), (by_light, light)):
            rows.setdefault(key, Counter())  # a row, too, for an animal that was seen too briefly for a bout
    for bout in result.bouts:
        by_species[species[bout.track_id]][bout.action] += bout.duration_s  # type: ignore[assignment]
        by_light[light][bout.action] += bout.duration_s  # type: ignore[assignment]


def _add_movement(result: VideoResult, moving: dict[str, list[float]]) -> None:
    """Add the seconds in which the animals of each species, and by each light, moved and were still."""
    for row in track_rows("", result):
        for name in (row["species"], f"by {LIGHT_NAMES[result.light]}"):
            moving[name][0] += row["moving_s"] or 0.0
            moving[name][1] += row["still_s"] or 0.0


def _budget_row(
    name: str,
    seconds: Counter[str],
    tracks: int,
    colors: Mapping[str, str],
    moving: Mapping[str, Sequence[float]],
) -> dict[str, Any]:
    """A row of the budget; its columns are the actions that have a colour."""
    moving_s, still_s = moving[name]
    total = sum(seconds.values()) or 1
    shares = {action: seconds[action] / total for action in colors}
    return {
        "species": name,
        "tracks": tracks,
        "time": _duration(sum(seconds.values())),
        "parts": [
            {"action": action, "share": share, "color": colors[action]}
            for action, share in shares.items()
            if share > 0
        ],
        "moving": f"{100 * moving_s / (moving_s + still_s):.0f} %" if moving_s + still_s else "–",
        "percent": {action: f"{100 * share:.0f} %" if share else "–" for action, share in shares.items()},
    }


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
