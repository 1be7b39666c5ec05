"""Read BORIS: its projects, and its tabular and aggregated exports; write its projects.

BORIS knows what animals do and not where they are: a data set read from it has actions of animals that have
no boxes. A subject's number is the one its name ends in ("red deer 2"), if the subjects of the video have
one each; else they are counted. State events become actions, from the nearest frame to the nearest frame.

Reference: https://www.boris.unito.it/user_guide; project formats 4.0 to 7.0.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from wildact.datasets.dataset import Dataset, parse_light
from wildact.datasets.formats.boris.events import CodedBout, Coding, Observation, shift_bouts
from wildact.datasets.formats.boris.project import read_boris_project
from wildact.datasets.formats.boris.tables import read_boris_table
from wildact.datasets.formats.build import build_dataset, build_video
from wildact.datasets.formats.checks import check_name
from wildact.datasets.formats.facts import Facts
from wildact.datasets.words import Thing, quote
from wildact.errors import DatasetError
from wildact.export.boris import VARIABLES
from wildact.labels import ActionLabel, LabelledVideo

_MARK = re.compile(r".*\D(\d{1,9})|(\d{1,9})")


def read_boris(path: Path, facts: Facts) -> Dataset:
    """Read a ``.boris`` project (also ``.boris.gz``), or a table of events that BORIS exported.

    Args:
        path: of the file.
        facts: the frame rate of media of which BORIS does not tell it.

    Raises:
        DatasetError: naming file, observation or line, and reason.
    """
    coding = read_boris_project(path)
    if coding is None:
        coding = read_boris_table(path, tuple(VARIABLES))
    return _to_dataset(path, coding, facts.fps or Fraction(0))


def _to_dataset(path: Path, coding: Coding, fps: Fraction) -> Dataset:
    dropped = Counter(coding.dropped)
    names = _name_media(path, [media.name for o in coding.observations for media in o.media])
    videos: list[LabelledVideo] = []
    for observation in coding.observations:
        videos += _videos(path.parent, observation, names, coding.subjects, fps, dropped)
    subjects = {bout.subject for observation in coding.observations for bout in observation.bouts}
    dropped["name of a subject", "names of subjects"] = len(subjects)
    return build_dataset(
        f"{path}: observations",
        path.parent,
        videos,
        actions=(check_name(str(path), "an action", name) for name in coding.behaviors),
        dropped=dropped,
    )


def _videos(
    folder: Path,
    observation: Observation,
    names: Mapping[str, PurePath],
    order: tuple[str, ...],
    fps: Fraction,
    dropped: Counter[Thing],
) -> Iterator[LabelledVideo]:
    """One labelled video for each file; ``fps`` where BORIS does not tell the frame rate."""
    numbers = _number_subjects(observation, order)
    start = Fraction(0)
    told = {name: value for name, value in observation.variables.items() if value}
    others = "that wildact has no place for"
    dropped[f"variable {others}", f"variables {others}"] += len(set(told) - set(VARIABLES))
    unknown = "that is not day, dusk or ir"
    odd = "light" in told and parse_light(told["light"]) is None
    dropped[f"light {unknown}", f"lights {unknown}"] += odd
    for k, media in enumerate(observation.media):
        rate, end = media.fps or fps, None if media.duration is None else start + media.duration
        if end is None and k + 1 < len(observation.media):
            raise DatasetError(
                f"{observation.where}: the length of {quote(media.name)} is unknown; open it in BORIS."
            )
        if rate == 0 and observation.bouts:
            raise DatasetError(
                f"{observation.where}: the frame rate of {quote(media.name)} is unknown; give it (--fps)."
            )
        frames = round(media.duration * rate) if media.duration is not None and rate else None
        last = k + 1 == len(observation.media)
        bouts = shift_bouts(observation.bouts, start, None if last else end)
        where, variables = f"{observation.where}, {quote(media.name)}", observation.variables
        yield build_video(
            where,
            folder / names[media.name],
            fps=rate,
            frames=frames,
            actions=_actions(where, bouts, numbers, rate, frames, dropped),
            site=variables.get("site", ""),
            camera=variables.get("camera", ""),
            light=parse_light(variables.get("light")),
            recorded=variables.get("recorded") or None,
        )
        start += media.duration or 0


def _actions(
    where: str,
    bouts: Iterable[CodedBout],
    numbers: Mapping[str, int],
    fps: Fraction,
    frames: int | None,
    dropped: Counter[Thing],
) -> list[ActionLabel]:
    """Bouts of one file as ranges of frames."""
    actions = []
    for bout in bouts:
        start, stop = round(bout.start * fps), round(bout.stop * fps)
        if start < 0 or (frames is not None and stop > frames + 1):
            raise DatasetError(
                f"{where}: {quote(bout.behavior)} from {float(bout.start):g} to {float(bout.stop):g} s does"
                f" not lie within its {float((frames or 0) / fps):g} s."
            )
        stop = stop if frames is None else min(stop, frames)
        if start < stop:
            actions.append(ActionLabel(numbers[bout.subject], bout.behavior, start, stop))
        else:
            dropped["bout that is shorter than a frame", "bouts that are shorter than a frame"] += 1
    return actions


def _number_subjects(observation: Observation, order: tuple[str, ...]) -> dict[str, int]:
    """Subject -> number: that at the end of its name, if every subject has one of its own; else counted."""
    seen = {bout.subject for bout in observation.bouts}
    marks = {name: _MARK.fullmatch(name) for name in seen}
    numbers = {name: int(match[1] or match[2]) for name, match in marks.items() if match}
    if len(set(numbers.values())) == len(seen) and 0 not in numbers.values():
        return numbers
    known = [name for name in order if name in seen]
    return {name: k for k, name in enumerate([*known, *sorted(seen - set(known))], start=1)}


def _name_media(path: Path, texts: list[str]) -> dict[str, PurePath]:
    """Media file -> name within the data set.

    A file below the project's folder keeps its path; of files elsewhere the folders that all share are left
    out, and so is every step upwards: nothing is ever looked for or written outside.
    """
    inside: dict[str, PurePath] = {}
    outside: dict[str, tuple[str, ...]] = {}
    for text in texts:
        windows = PureWindowsPath(text)
        pure: PurePath = windows if windows.drive or "\\" in text else PurePosixPath(text)
        if pure.is_absolute() and not windows.drive and Path(text).is_relative_to(path.parent.absolute()):
            pure = Path(text).relative_to(path.parent.absolute())
        parts = tuple(part for part in pure.parts if part not in (pure.anchor, "..", "."))
        if not parts or "\0" in text:
            raise DatasetError(f"{path}: {quote(text)} is no name of a media file.")
        if pure.anchor or ".." in pure.parts:
            outside[text] = parts
        else:
            inside[text] = PurePosixPath(*parts)
    folders = [parts[:-1] for parts in outside.values()]
    shared = 0
    while folders and all(len(f) > shared and f[shared] == folders[0][shared] for f in folders):
        shared += 1
    return inside | {text: PurePosixPath(*parts[shared:]) for text, parts in outside.items()}
