"""A BORIS project: every animal a subject, every action a state event, every video an observation.

BORIS (Behavioral Observation Research Interactive Software) opens it to watch, correct and analyse what was
found. Subjects are called by species and by the number of the animal within its video ("red deer 1"): the
same name in two videos does not mean the same animal, and the subjects' descriptions say so.

Reference: Friard & Gamba 2016, Methods in Ecology and Evolution 7, 1325-1330; project format 7.0 (BORIS 7
to 9).
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from wildact.atomic import replacing
from wildact.errors import OutputError
from wildact.export.recording import Recording
from wildact.types import Bout, VideoResult

FORMAT_VERSION: Final = "7.0"
STATE_EVENT: Final = "State event"
NO_FRAME: Final = "NA"
VARIABLES: Final = {
    "site": "where the camera stood",
    "camera": "which camera",
    "light": "day, dusk or ir (infrared)",
    "recorded": "when the video was taken; empty where nobody knows",
}
"""Independent variables of each observation."""

_KEYS: Final = string.ascii_lowercase
"""Of behaviours; digits are those of subjects."""


def save_boris(
    path: Path,
    recordings: Iterable[Recording],
    *,
    actions: Sequence[str] = (),
    created: datetime | None = None,
) -> None:
    """Write a ``.boris`` project.

    Media are named relative to the project where they lie below its folder, else by their full path.

    Args:
        path: of the project file.
        recordings: one is held at a time.
        actions: of the ethogram, in order; those that occur besides are put behind them.
        created: date of the project, and of observations whose time of recording is unknown; None: now.

    Raises:
        OutputError: if the file cannot be written, or two videos have the same name.
    """
    created = created or datetime.now()
    subjects: dict[str, None] = {}
    ethogram: dict[str, None] = dict.fromkeys(actions)
    observations: dict[str, Any] = {}
    machine = False
    for recording in recordings:
        name = recording.name.strip()  # BORIS warns of outer spaces
        if name in observations:
            raise OutputError(f"two videos are called '{name}'; BORIS needs a name for each.")
        machine = machine or recording.machine
        names = _subject_names(recording.result)
        subjects |= dict.fromkeys(names.values())
        ethogram |= dict.fromkeys(bout.action for bout in recording.result.bouts)
        observations[name] = _observation(recording, names, path.parent, created)
    document: dict[str, Any] = {
        "time_format": "hh:mm:ss",
        "project_date": _date(created),
        "project_name": path.stem,
        "project_description": "Found by wildact." if machine else "",
        "project_format_version": FORMAT_VERSION,
        "subjects_conf": _subjects(subjects),
        "behaviors_conf": _behaviors(tuple(ethogram)),
        "observations": observations,
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {str(k): _variable(name) for k, name in enumerate(VARIABLES)},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    with replacing(path) as part:
        # ASCII: BORIS opens it in the computer's own encoding
        part.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="ascii")


def merge_bouts(bouts: Iterable[Bout]) -> list[Bout]:
    """Bouts of which no two of the same animal and action overlap: those that do become one.

    BORIS pairs starts and stops of a behaviour in the order in which they come.
    """
    merged: dict[tuple[int, str], list[Bout]] = {}
    for bout in sorted(bouts, key=lambda bout: bout.start_s):
        row = merged.setdefault((bout.track_id, bout.action), [])
        if row and bout.start_s < row[-1].end_s:
            last = row.pop()
            bout = Bout(*(last.track_id, last.action, last.start_s, max(last.end_s, bout.end_s), last.score))
        row.append(bout)
    return [bout for row in merged.values() for bout in row]


def _subject_names(result: VideoResult) -> dict[int, str]:
    """Track -> name of the subject; an animal of which nobody drew a box has no species."""
    labels = {track.track_id: track.label for track in result.tracks}
    ids = [*labels, *sorted({bout.track_id for bout in result.bouts} - set(labels))]
    return {track_id: f"{labels.get(track_id, 'animal').strip()} {track_id}" for track_id in ids}


def _observation(
    recording: Recording, names: dict[int, str], folder: Path, created: datetime
) -> dict[str, Any]:
    result, media = recording.result, _media_path(recording.result.info.path, folder)
    info = result.info
    duration = info.duration if info.duration is not None else (info.frames or 0) / info.fps
    recorded = recording.recorded or ""
    date, remark = created, "When it was recorded is unknown: the date is that of this project."
    if recorded:
        try:
            date, remark = datetime.fromisoformat(recorded), ""
        except ValueError:  # people write what they like
            remark = "The date is that of this project; when it was recorded is among the variables."
    return {
        "type": "MEDIA",
        "date": _date(date),
        "description": remark,
        "file": {"1": [media], **{str(player): [] for player in range(2, 9)}},
        "time offset": 0.0,
        "observation time interval": [0, 0],
        "independent_variables": {
            "site": recording.site,
            "camera": recording.camera,
            "light": recording.light or "",
            "recorded": recorded,
        },
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {media: float(duration)},
            "fps": {media: float(info.fps)},
            "hasVideo": {media: True},
            "hasAudio": {media: recording.audio},
            "display": {media: "Nothing"},  # of its sound, while it plays
            "offset": {"1": 0.0},
        },
        "events": _events(recording, names),
    }


def _events(recording: Recording, names: dict[int, str]) -> list[list[Any]]:
    """Start and stop of each bout, in order of time; where one ends and another starts, the end first."""
    events = []
    for bout in merge_bouts(recording.result.bouts):
        comment = f"score {bout.score:.2f}" if recording.machine and bout.score == bout.score else ""
        for time_s, order, text in ((bout.start_s, 1, comment), (bout.end_s, 0, "")):
            event = [round(float(time_s), 6), names[bout.track_id], bout.action, "", text, NO_FRAME]
            events.append((time_s, order, event))
    return [event for _, _, event in sorted(events, key=lambda item: item[:2])]


def _subjects(names: Iterable[str]) -> dict[str, Any]:
    what = "number of the animal within each video; not the same animal in every one"
    return {
        str(k): {"key": string.digits[k + 1] if k < 9 else "", "name": name, "description": what}
        for k, name in enumerate(sorted(names))
    }


def _behaviors(actions: Sequence[str]) -> dict[str, Any]:
    """The ethogram, each behaviour with a key of its own as long as there are any."""
    ethogram: dict[str, Any] = {}
    free = list(_KEYS)
    for k, action in enumerate(actions):
        wanted = [letter for letter in action.lower() if letter in free] or free[:1] or [""]
        if wanted[0]:
            free.remove(wanted[0])
        ethogram[str(k)] = {
            "type": STATE_EVENT,
            "key": wanted[0],
            "code": action,
            "description": "",
            "color": "",
            "category": "",
            "modifiers": {},
            "excluded": "",
            "coding map": "",
        }
    return ethogram


def _variable(name: str) -> dict[str, str]:
    return {
        "label": name,
        "description": VARIABLES[name],
        "type": "text",
        "default value": "",
        "possible values": "",
    }


def _media_path(path: Path, folder: Path) -> str:
    """How BORIS finds the video: it looks beside the project for what it does not find as it is."""
    path, folder = path.absolute(), folder.absolute()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _date(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")
