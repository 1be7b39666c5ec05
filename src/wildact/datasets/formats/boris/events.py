"""What BORIS files have in common: observations of media, with bouts of what subjects do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from wildact.datasets.words import Thing, quote
from wildact.errors import DatasetError

COMMENTS: Thing = "comment of an event", "comments of events"
MODIFIERS: Thing = "modifier of an event", "modifiers of events"
POINT_EVENTS: Thing = "point event", "point events"
NO_VIDEO: Thing = "observation that is not of video files", "observations that are not of video files"
FURTHER_PLAYERS: Thing = "media file in a further player", "media files in further players"

_MAX_SECONDS, _MIN_SECONDS = Decimal("1e10"), Decimal("1e-9")
"""What lies beyond is no time of an event; and a fraction of 1e-999999 would fill the memory."""

MAX_DENOMINATOR = 1_000_000
"""BORIS keeps frame rates as decimal numbers: 29.97002997 is 30000/1001."""


@dataclass(frozen=True, slots=True)
class Media:
    """One file of an observation.

    Attributes:
        name: path as BORIS writes it.
        duration: seconds; None where it is not told.
        fps: frames per second; 0 where it is not told.
    """

    name: str
    duration: Fraction | None
    fps: Fraction


@dataclass(frozen=True, slots=True)
class CodedBout:
    """A subject does one thing; times are seconds from the start of the observation's first file.

    Attributes:
        subject: name; empty: no focal subject.
        behavior: its code.
        start: inclusive.
        stop: exclusive.
    """

    subject: str
    behavior: str
    start: Fraction
    stop: Fraction


@dataclass(frozen=True, slots=True)
class Observation:
    """An observation of media files.

    Attributes:
        where: words by which an error names it.
        media: files that play one after the other.
        bouts: in order of their start.
        variables: independent variables, name -> text.
    """

    where: str
    media: tuple[Media, ...]
    bouts: tuple[CodedBout, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coding:
    """What a BORIS file holds.

    Attributes:
        observations: of media.
        behaviors: codes of all state events, in order.
        subjects: names, in order.
        dropped: what no data set has a place for -> number.
    """

    observations: tuple[Observation, ...]
    behaviors: tuple[str, ...]
    subjects: tuple[str, ...]
    dropped: Counter[Thing]


@dataclass(frozen=True, slots=True)
class Event:
    """A start or a stop of a state event; which, the order tells where ``status`` is empty."""

    time: Fraction
    subject: str
    behavior: str
    modifiers: str
    status: str = ""


def pair_events(where: str, events: Iterable[Event]) -> tuple[CodedBout, ...]:
    """Bouts from the starts and stops of state events, which BORIS pairs in the order in which they stand.

    Raises:
        DatasetError: if a start has no stop, or a stop no start.
    """
    running: dict[tuple[str, str, str], Fraction] = {}
    bouts = []
    for event in events:
        key = (event.subject, event.behavior, event.modifiers)
        if key not in running:
            if event.status == "STOP":
                raise DatasetError(
                    f"{where}: {describe_event(event)} stops without having started; mend it in BORIS."
                )
            running[key] = event.time
            continue
        start = running.pop(key)
        if event.status == "START" or event.time < start:
            raise DatasetError(f"{where}: {describe_event(event)} starts twice; mend it in BORIS.")
        bouts.append(CodedBout(event.subject, event.behavior, start, event.time))
    for (subject, behavior, modifiers), start in running.items():
        lonely = Event(start, subject, behavior, modifiers)
        raise DatasetError(f"{where}: {describe_event(lonely)} never stops; pair it in BORIS.")
    return tuple(sorted(bouts, key=lambda bout: (bout.start, bout.stop)))


def describe_event(event: Event) -> str:
    """Words for an error message."""
    subject = event.subject or "no focal subject"
    return f"{quote(event.behavior)} of {quote(subject)} at {float(event.time):g} s"


def read_seconds(where: str, what: str, value: object) -> Fraction:
    """A number out of a BORIS file.

    Raises:
        DatasetError: if it is none.
    """
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        number = Decimal("nan")
    if isinstance(value, bool) or not number.is_finite() or not -_MAX_SECONDS < number < _MAX_SECONDS:
        raise DatasetError(f"{where}: {what} must be a number, not {quote(value)}.")
    return Fraction(0) if -_MIN_SECONDS < number < _MIN_SECONDS else Fraction(number)


def read_fps(where: str, value: object) -> Fraction:
    """A frame rate; 0 where BORIS does not know it."""
    if value in (None, "", "NA"):
        return Fraction(0)
    fps = read_seconds(where, "FPS", value).limit_denominator(MAX_DENOMINATOR)
    return max(fps, Fraction(0))


def shift_bouts(bouts: Sequence[CodedBout], start: Fraction, end: Fraction | None) -> list[CodedBout]:
    """The parts of bouts that lie within one file of an observation, in seconds from its first frame."""
    cut = []
    for bout in bouts:
        first = max(bout.start, start)
        last = bout.stop if end is None else min(bout.stop, end)
        if first < last:
            cut.append(CodedBout(bout.subject, bout.behavior, first - start, last - start))
    return cut
