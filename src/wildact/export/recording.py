"""One video as the exports of whole projects take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wildact.types import Bout, Light, RecordingTime, Track, VideoResult


@dataclass(frozen=True, slots=True)
class Recording:
    """One video, what is in it, and where it comes from.

    Attributes:
        name: of the video, e.g. its path within the input folder, ``/`` between parts; unique in an export.
        result: what was found, or what somebody annotated.
        time: when it began; None where nobody knows, or knows no time zone.
        recorded: the same as ISO 8601 text, perhaps without a zone; None where nobody knows.
        site: where the camera stood; may be empty.
        camera: which camera; may be empty.
        light: day, dusk or ir; None where nobody said (``result.light`` then says nothing).
        audio: whether the file is known to hold sound.
        machine: wildact found it; False: from a labelled data set, by whom is not known.
    """

    name: str
    result: VideoResult
    time: RecordingTime | None = None
    recorded: str | None = None
    site: str = ""
    camera: str = ""
    light: Light | None = None
    audio: bool = False
    machine: bool = True


def find_frames(result: VideoResult, bout: Bout) -> tuple[int, int]:
    """First frame of a bout and the first after it; the same where it lies between two frames."""
    span = np.array([bout.start_s, bout.end_s]) - 1e-6  # times went through decimal numbers
    start, end = np.searchsorted(result.times_s, span).tolist()
    return start, end


def count_simultaneous(tracks: Sequence[Track]) -> int:
    """The largest number of tracks that go on at one and the same frame.

    A track goes on from its first frame to its last, also while the animal is hidden between them.
    """
    changes = sorted(
        change for track in tracks for change in ((int(track.frames[0]), 1), (int(track.frames[-1]) + 1, -1))
    )
    most = now = 0
    for _, change in changes:  # of one frame, those that left before come first
        now += change
        most = max(most, now)
    return most
