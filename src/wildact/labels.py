"""What people, or the simulator, say of a video: its animals and what they did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wildact.types import Float64, Light, Track, VideoInfo


@dataclass(frozen=True, slots=True)
class ActionLabel:
    """A person's (or the simulator's) statement that one animal did one thing.

    Attributes:
        track_id: of the annotated track.
        action: what it did.
        start_frame: first frame, inclusive.
        end_frame: last frame, exclusive.
    """

    track_id: int
    action: str
    start_frame: int
    end_frame: int


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """A video with its truth: what a data set holds of it.

    Attributes:
        info: the file; frames, fps and size as annotated. Read from a file of labels that does not tell
            them, they are None, 0 and 0 x 0.
        site: where the camera stood; empty where nobody said.
        camera: which camera; empty where nobody said.
        light: day, dusk or ir; None where nobody said.
        tracks: annotated animals; boxes and masks of what is visible, score 1.
        actions: what they did.
        recorded: ISO 8601 local time of the first frame, or None.
        split: the part of the data set that the labels put it in, e.g. ``train`` or ``val``; None: in none.
        recording: clips or images of one recording have one name, and stay together in splits; empty: alone.
    """

    info: VideoInfo
    site: str
    camera: str
    light: Light | None
    tracks: tuple[Track, ...]
    actions: tuple[ActionLabel, ...]
    recorded: str | None = None
    split: str | None = None
    recording: str = ""

    @property
    def times_s(self) -> Float64:
        """(F,) float64 seconds of each frame, at the constant rate that labels have."""
        return np.arange(self.info.frames or 0) / float(self.info.fps)


def cover_frame(info: VideoInfo, frames: int, label: str) -> Track:
    """Return a track of one animal that fills the picture on all of ``frames`` frames."""
    return Track(
        track_id=1,
        label=label,
        label_score=1.0,
        frames=np.arange(frames),
        boxes=np.tile(np.array([0, 0, info.width, info.height], np.float32), (frames, 1)),
        scores=np.ones(frames, np.float32),
        masks=(None,) * frames,
    )
