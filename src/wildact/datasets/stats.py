"""Count what a data set holds: animals, actions, durations, transitions, per site and light."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from wildact.atomic import replacing
from wildact.datasets.dataset import Dataset
from wildact.export.tables import safe_text
from wildact.labels import ActionLabel, LabelledVideo
from wildact.types import Track

MAX_GAP_S = 1.0
"""A bout follows another if it begins at most so long after that one's end."""

LIGHTS = ("day", "dusk", "ir", "unknown")


def count_tracks(videos: Iterable[LabelledVideo], species: Sequence[str]) -> dict[str, int]:
    """Species -> number of tracks, in the order given; ignore regions do not count."""
    counts = dict.fromkeys(species, 0)
    for video in videos:
        for track in video.tracks:
            counts[track.label] += not track.crowd
    return counts


def count_seconds(videos: Iterable[LabelledVideo], actions: Sequence[str]) -> dict[str, float]:
    """Action -> labelled seconds, in the order given."""
    seconds = dict.fromkeys(actions, 0.0)
    for video in videos:
        for label in video.actions:
            seconds[label.action] += duration_s(video, label)
    return seconds


def duration_s(video: LabelledVideo, label: ActionLabel) -> float:
    """Length of a bout in seconds."""
    return float((label.end_frame - label.start_frame) / video.info.fps)


def describe_dataset(dataset: Dataset) -> dict[str, pd.DataFrame]:
    """What a data set holds, as tables with an index: name -> table.

    Returns:
        ``totals`` (videos, tracks, bouts: number, total, shortest, median, longest, seconds), ``species``,
        ``actions``, ``species_actions`` (seconds), ``transitions`` (number of times that the action of the
        column followed that of the row, at most ``MAX_GAP_S`` later, in one animal), ``lights``, ``sites``
        (one row for each camera), and ``splits`` where videos name them.
    """
    tables = {
        "totals": _totals(dataset),
        "species": _species(dataset),
        "actions": _actions(dataset),
        "species_actions": _species_actions(dataset),
        "transitions": count_transitions(dataset),
        "lights": _lights(dataset),
        "sites": _sites(dataset),
    }
    return tables | ({"splits": _splits(dataset)} if any(video.split for video in dataset.videos) else {})


def save_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Save each table as ``NAME.csv``; seconds and shares have 3 decimals, a missing value is empty.

    Raises:
        OutputError: if a file cannot be written.
    """
    for name, table in tables.items():
        plain = table.reset_index().map(safe_text)
        plain.columns = [str(safe_text(column)) for column in plain.columns]
        with replacing(folder / f"{name}.csv") as part:
            plain.to_csv(part, index=False, float_format="%.3f", lineterminator="\n", encoding="utf-8")


def list_bouts(dataset: Dataset) -> pd.DataFrame:
    """One row for each bout: ``species``, ``action``, ``seconds``."""
    rows = [
        (track.label, label.action, duration_s(video, label))
        for video, track in _tracks(dataset)
        for label in video.actions
        if label.track_id == track.track_id
    ]
    return pd.DataFrame(rows, columns=["species", "action", "seconds"]).astype({"seconds": float})


def count_transitions(dataset: Dataset) -> pd.DataFrame:
    """Rows: an action; columns: the one that followed it; values: how often."""
    names = list(dataset.actions)
    counts = np.zeros((len(names), len(names)), np.int64)
    for video in dataset.videos:
        for one, following in pairwise(sorted(video.actions, key=lambda a: (a.track_id, a.start_frame))):
            gap_s = float((following.start_frame - one.end_frame) / video.info.fps)
            if one.track_id == following.track_id and gap_s <= MAX_GAP_S:
                counts[names.index(one.action), names.index(following.action)] += 1
    return pd.DataFrame(counts, index=pd.Index(names, name="from"), columns=names)


def _tracks(dataset: Dataset) -> Iterator[tuple[LabelledVideo, Track]]:
    """All tracks but ignore regions."""
    for video in dataset.videos:
        yield from ((video, track) for track in video.tracks if not track.crowd)


def _visible_s(video: LabelledVideo, track: Track) -> float:
    return float(len(track) / video.info.fps)


def _totals(dataset: Dataset) -> pd.DataFrame:
    lengths = {
        "videos": [float(video.info.duration or 0) for video in dataset.videos],
        "tracks (visible)": [_visible_s(video, track) for video, track in _tracks(dataset)],
        "bouts": list_bouts(dataset)["seconds"].tolist(),
    }
    rows = {name: _spread(np.array(values, np.float64)) for name, values in lengths.items()}
    columns = ["number", "total_s", "shortest_s", "median_s", "longest_s"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("what")


def _spread(values: np.ndarray) -> tuple[int, float, float, float, float]:
    if len(values) == 0:
        return 0, 0.0, np.nan, np.nan, np.nan
    return len(values), values.sum(), values.min(), float(np.median(values)), values.max()


def _species(dataset: Dataset) -> pd.DataFrame:
    rows = [
        (track.label, str(video.info.path), _visible_s(video, track), _height_px(track))
        for video, track in _tracks(dataset)
    ]
    frame = pd.DataFrame(rows, columns=["species", "video", "seconds", "height"])
    frame = frame.astype({"seconds": float, "height": float})
    grouped = frame.groupby("species")
    table = pd.DataFrame(
        {
            "tracks": grouped.size(),
            "videos": grouped["video"].nunique(),
            "visible_s": grouped["seconds"].sum(),
            "median_height_px": grouped["height"].median(),
        },
        index=pd.Index(dataset.species, name="species"),
    )
    return _without_gaps(table, ["tracks", "videos"], ["visible_s"])


def _height_px(track: Track) -> float:
    return float(np.median(track.boxes[:, 3] - track.boxes[:, 1]))


def _actions(dataset: Dataset) -> pd.DataFrame:
    bouts = list_bouts(dataset)
    grouped = bouts.groupby("action")["seconds"]
    table = pd.DataFrame(
        {
            "bouts": grouped.size(),
            "total_s": grouped.sum(),
            "share": grouped.sum() / max(bouts["seconds"].sum(), 1e-9),
            "median_s": grouped.median(),
            "longest_s": grouped.max(),
        },
        index=pd.Index(dataset.actions, name="action"),
    )
    return _without_gaps(table, ["bouts"], ["total_s", "share"])


def _species_actions(dataset: Dataset) -> pd.DataFrame:
    """Rows: species; columns: actions; values: seconds."""
    table = list_bouts(dataset).pivot_table(
        index="species", columns="action", values="seconds", aggfunc="sum", observed=True
    )
    table = table.reindex(index=list(dataset.species), columns=list(dataset.actions)).fillna(0.0)
    return table.astype(float).rename_axis(index="species", columns=None)


def _lights(dataset: Dataset) -> pd.DataFrame:
    rows = {light: _row([v for v in dataset.videos if (v.light or "unknown") == light]) for light in LIGHTS}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("light")
    return table[table["videos"] > 0]


def _sites(dataset: Dataset) -> pd.DataFrame:
    rows = {}
    for site, camera in sorted({(video.site, video.camera) for video in dataset.videos}):
        videos = [video for video in dataset.videos if (video.site, video.camera) == (site, camera)]
        lights = {light: sum((v.light or "unknown") == light for v in videos) for light in LIGHTS}
        rows[site, camera] = _row(videos) | lights
    index = pd.MultiIndex.from_tuples(list(rows), names=["site", "camera"]) if rows else None
    return pd.DataFrame(list(rows.values()), index=index)


def _splits(dataset: Dataset) -> pd.DataFrame:
    rows = {}
    for name in sorted({video.split or "" for video in dataset.videos}):
        videos = [video for video in dataset.videos if (video.split or "") == name]
        recordings = {video.recording for video in videos if video.recording}
        rows[name or "none"] = _row(videos) | {"recordings": len(recordings)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("split")


def _row(videos: Sequence[LabelledVideo]) -> dict[str, float]:
    return {
        "videos": len(videos),
        "blank": sum(not video.tracks for video in videos),
        "total_s": sum(float(video.info.duration or 0) for video in videos),
        "tracks": sum(not track.crowd for video in videos for track in video.tracks),
        "bouts": sum(len(video.actions) for video in videos),
    }


def _without_gaps(table: pd.DataFrame, whole: list[str], real: list[str]) -> pd.DataFrame:
    """Zeros for classes that do not occur; what has no value for them stays nan."""
    table[whole] = table[whole].fillna(0).astype(int)
    table[real] = table[real].fillna(0.0)
    return table
