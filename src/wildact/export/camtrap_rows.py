"""One recording as rows of a Camtrap DP package: media, observations, and wildact's two further tables.

Reference: Bubnicki et al. 2024, "Camtrap DP: an open standard for the FAIR exchange and archiving of camera
trap data", https://camtrap-dp.tdwg.org (version 1.0.2).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np

from wildact.boxes import box_area, clip_boxes
from wildact.errors import OutputError
from wildact.export.recording import Recording, count_simultaneous, find_frames
from wildact.export.tables import seconds_by_action, video_name
from wildact.export.taxa import Taxon
from wildact.types import Bout, RecordingTime, Track, VideoResult

MEDIA_TYPES: Final = {
    ".3gp": "video/3gpp", ".asf": "video/x-ms-asf", ".avi": "video/x-msvideo", ".flv": "video/x-flv",
    ".m2ts": "video/mp2t", ".m4v": "video/x-m4v", ".mkv": "video/x-matroska", ".mov": "video/quicktime",
    ".mp4": "video/mp4", ".mpeg": "video/mpeg", ".mpg": "video/mpeg", ".mts": "video/mp2t",
    ".mxf": "video/mxf", ".ogv": "video/ogg", ".ts": "video/mp2t", ".webm": "video/webm",
    ".wmv": "video/x-ms-wmv",
}  # fmt: skip

_FORBIDDEN_STARTS = (
    "./~=+-@\t\r\n＝＋－＠"  # by Camtrap DP's pattern; and what spreadsheets take for a formula
)

Row = dict[str, Any]


def media_id(deployment_id: str, name: str) -> str:
    """The same for the same video every time, and another in every deployment."""
    return hashlib.sha256(f"{deployment_id}\n{name}".encode()).hexdigest()[:16]


def individual_id(media: str, track_id: int) -> str:
    """A track's name within the package: it is not known which tracks of two videos are one animal."""
    return f"{media}:{track_id}"


def media_row(recording: Recording, deployment_id: str) -> Row:
    """The recording's row of ``media.csv``."""
    time = _time(recording)
    return {
        "mediaID": media_id(deployment_id, recording.name),
        "deploymentID": deployment_id,
        "timestamp": format_moment(time.start),
        "filePath": file_path(recording.name),
        "filePublic": "false",
        "fileName": file_path(PurePosixPath(recording.name).name),
        "fileMediatype": MEDIA_TYPES.get(PurePosixPath(recording.name).suffix.lower(), "video/unknown"),
        "exifData": json.dumps({tag: time.text})
        if (tag := time.source.removeprefix("tag ")) != time.source
        else "",
        "mediaComments": describe_time(time),
    }


def describe_time(time: RecordingTime) -> str:
    """A phrase that says where a time comes from and what was done to it."""
    zone = f"read in {time.zone}" if time.zone else "which states its zone"
    offset = f", clock offset {time.clock_offset_s:+g} s" if time.clock_offset_s else ""
    return f"time from {time.source}, {zone}{offset}"


def observation_rows(
    recording: Recording, deployment_id: str, taxa: Mapping[str, Taxon], *, classified: str = ""
) -> list[Row]:
    """The recording's rows of ``observations.csv``.

    One row of level ``media`` for each bout of each animal (a single one without behaviour for an animal that
    has no bout), and one of level ``event``, the whole video being the event, for each taxon. A blank video
    has one blank row of each, and one with actions of animals without boxes an unclassified row of each.

    Args:
        recording: with its time.
        deployment_id: of the deployment.
        taxa: label -> what it stands for, all labels of the recording.
        classified: when the video was analysed, as Camtrap DP writes moments.
    """
    media = media_id(deployment_id, recording.name)
    start, result = _time(recording).start, recording.result
    common: Row = {"deploymentID": deployment_id, "eventID": media}
    if recording.machine:
        common |= {
            "classificationMethod": "machine",
            "classifiedBy": _classifier(result),
            "classificationTimestamp": classified,
        }
    whole = {
        "eventStart": format_moment(start),
        "eventEnd": format_moment(start, _duration_s(result), up=True),
    }
    rows = []
    if not result.tracks:
        # actions without boxes: something is there, of which nobody said what it is
        kind = "unclassified" if result.bouts else "blank"
        empty = common | whole | {"observationType": kind}
        rows = [
            empty | {"observationID": f"{media}_{kind}", "mediaID": media, "observationLevel": "media"},
            empty | {"observationID": f"{media}_event_{kind}", "observationLevel": "event"},
        ]
    for track in result.tracks:
        bouts = [bout for bout in result.bouts if bout.track_id == track.track_id]
        for k, bout in enumerate(bouts or [None], start=1):
            row = _track_row(recording, media, track, bout, taxa[track.label])
            rows.append(common | row | {"observationID": f"{media}_{track.track_id}_{k}"})
    for k, row in enumerate(_event_rows(result, media, taxa), start=1):
        rows.append(common | whole | row | {"observationID": f"{media}_event_{k}"})
    return rows


def recording_row(recording: Recording, deployment_id: str) -> Row:
    """The recording's row of ``recordings.csv``: ``RECORDING_FIELDS`` to values."""
    time, info = _time(recording), recording.result.info
    return {
        "mediaID": media_id(deployment_id, recording.name),
        "video": video_name(recording.name),
        "site": recording.site,
        "camera": recording.camera,
        "light": recording.light or "",
        "width": info.width,
        "height": info.height,
        "fps": str(info.fps),
        "frames": info.frames,
        "duration_s": float(info.duration) if info.duration is not None else "",
        "recorded": recording.recorded or time.start.isoformat(),
        "timeSource": time.source,
        "timeText": time.text,
        "timeZone": time.zone,
        "clockOffset_s": time.clock_offset_s,
    }


def detection_rows(recording: Recording, deployment_id: str) -> Iterator[Row]:
    """The recording's rows of ``detections.csv``: ``DETECTION_FIELDS`` to values."""
    media = media_id(deployment_id, recording.name)
    times = recording.result.times_s
    for track in recording.result.tracks:
        common = {
            "mediaID": media,
            "individualID": individual_id(media, track.track_id),
            "trackID": str(track.track_id),
            "label": track.label,
            "labelScore": _number(track.label_score),
            "crowd": str(track.crowd).lower(),
        }
        marks = (
            [""] * len(track) if track.occluded is None else [str(m).lower() for m in track.occluded.tolist()]
        )
        columns = (track.frames.tolist(), track.boxes.tolist(), track.scores.tolist(), track.masks, marks)
        for frame, (x1, y1, x2, y2), score, mask, mark in zip(*columns, strict=True):
            yield common | {
                "frame": frame,
                "time_s": float(times[frame]),
                "score": _number(score),
                "x1": x1,
                "y1": y1,
                "x2": x2,
                "y2": y2,
                "occluded": mark,
                "mask": "" if mask is None else mask.counts.decode("ascii"),
            }


def format_moment(start: datetime, seconds: float = 0.0, *, up: bool = False) -> str:
    """``start`` and some seconds later, as Camtrap DP writes it: without fractions, so down or ``up``."""
    moment = start.astimezone(UTC) + timedelta(seconds=seconds)
    rest = timedelta(microseconds=moment.microsecond)
    if rest:
        moment += timedelta(seconds=1) - rest if up else -rest
    return moment.astimezone(start.tzinfo).isoformat()


def file_path(name: str) -> str:
    """A name as Camtrap DP allows it: its offending characters percent-encoded, and then ``%`` too."""
    offending = name[:1] in _FORBIDDEN_STARTS or ".." in name or not name.isprintable()
    if not offending:
        return name
    path = _encode(name, lambda k: name[k] == "%" or not name[k].isprintable())
    path = path.replace("..", "%2E%2E")
    return _encode(path, lambda k: k == 0 and path[0] in _FORBIDDEN_STARTS)


def _encode(text: str, wanted: Callable[[int], bool]) -> str:
    return "".join(
        "".join(f"%{byte:02X}" for byte in character.encode()) if wanted(k) else character
        for k, character in enumerate(text)
    )


def _track_row(recording: Recording, media: str, track: Track, bout: Bout | None, taxon: Taxon) -> Row:
    result, start = recording.result, _time(recording).start
    span_s = track.span_s(result.times_s, result.info.duration)
    start_s, end_s = (bout.start_s, bout.end_s) if bout else span_s
    place = _representative(result, track, start_s, end_s)
    tags: Row = {"track": track.track_id, "start_s": float(start_s), "end_s": float(end_s)}
    if bout is not None:
        tags["start_frame"], tags["end_frame"] = find_frames(result, bout)
    tags["frame"] = int(track.frames[place])
    if bout is not None and recording.machine and not math.isnan(bout.score):
        tags["behavior_score"] = round(float(bout.score), 4)
    probability = track.label_score if recording.machine else math.nan
    return {
        "mediaID": media,
        "eventStart": format_moment(start, start_s),
        "eventEnd": format_moment(start, end_s, up=True),
        "observationLevel": "media",
        "observationType": taxon.kind,
        "scientificName": taxon.scientific_name,
        "count": 1,
        "behavior": _behaviors([bout.action] if bout else []),
        "individualID": individual_id(media, track.track_id),
        **_relative_box(result, track, place),
        "classificationProbability": _number(round(float(probability), 4)),
        "observationTags": " | ".join(f"{key}:{value}" for key, value in tags.items()),
    }


def _event_rows(result: VideoResult, media: str, taxa: Mapping[str, Taxon]) -> Iterator[Row]:
    """One row for each taxon: as many animals as were seen at once."""
    groups: dict[Taxon, list[Track]] = {}
    for track in result.tracks:
        groups.setdefault(taxa[track.label], []).append(track)
    for taxon, tracks in groups.items():
        ids = {track.track_id for track in tracks}
        yield {
            "observationLevel": "event",
            "observationType": taxon.kind,
            "scientificName": taxon.scientific_name,
            "count": count_simultaneous(tracks),
            "behavior": _behaviors(seconds_by_action(bout for bout in result.bouts if bout.track_id in ids)),
            "individualID": individual_id(media, tracks[0].track_id) if len(tracks) == 1 else "",
        }


def _behaviors(actions: Iterable[str]) -> str:
    names = list(actions)
    for name in names:
        if "|" in name:
            raise OutputError(
                f"the action '{name}' holds a '|', with which Camtrap DP separates behaviours; rename it."
            )
    return "|".join(names)


def _representative(result: VideoResult, track: Track, start_s: float, end_s: float) -> int:
    """Position in the track of the frame that shows the animal best within a stretch of time."""
    times = result.times_s[track.frames]
    within = (times >= start_s - 1e-6) & (times < end_s - 1e-6)
    if not within.any():  # a bout between two frames
        return int(abs(times - (start_s + end_s) / 2).argmin())
    worth = np.where(within & track.observed, np.nan_to_num(track.scores) * box_area(track.boxes), -1.0)
    places: Sequence[int] = np.flatnonzero(within).tolist()
    return int(worth.argmax()) if worth.max() >= 0 else places[len(places) // 2]


def _relative_box(result: VideoResult, track: Track, place: int) -> Row:
    """The box as shares of the frame; nothing where none of it lies within the frame."""
    width, height = result.info.width, result.info.height
    x1, y1, x2, y2 = clip_boxes(track.boxes[place : place + 1], width, height)[0].tolist()
    if x2 <= x1 or y2 <= y1:
        return {}
    box = (x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height)
    names = ("bboxX", "bboxY", "bboxWidth", "bboxHeight")
    return {name: f"{value:.6g}" for name, value in zip(names, box, strict=True)}


def _number(value: float) -> float | str:
    """A missing number is an empty cell."""
    return "" if math.isnan(value) else float(value)


def _classifier(result: VideoResult) -> str:
    from wildact import __version__

    names = [str(facts.get("name", kind)) for kind, facts in result.models.items()]
    return f"wildact {__version__}" + (f" ({', '.join(names)})" if names else "")


def _duration_s(result: VideoResult) -> float:
    info = result.info
    return float(info.duration if info.duration is not None else (info.frames or 0) / info.fps)


def _time(recording: Recording) -> RecordingTime:
    if recording.time is None:
        raise OutputError(f"{recording.name}: when it was recorded is unknown; Camtrap DP needs it.")
    return recording.time
