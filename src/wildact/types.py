"""The words that all stages share: frame, detections, track, clip, action scores, bout, result.

Every array has its shape and dtype checked when the object is made, so that a mistake shows
where it happens. Conventions:

- ``boxes`` are ``xyxy`` pixels of the *original* video frame, after rotation, float32:
  x to the right, y down, the centre of the top-left pixel at (0.5, 0.5).
- Frames are counted from 0 in presentation order. Ranges of frames and of seconds are half-open.
- Times of frames are exact: a ``Fraction`` of a second, or integer ``pts`` with a ``time_base``.
  Names that end in ``_s`` are float seconds, 0 at the first frame.
- A missing score is ``nan``; a missing mask is ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]
Image = NDArray[np.uint8]

Light = Literal["day", "dusk", "ir"]

UNKNOWN = "unknown"
"""The action of a bout of which the action network is not sure enough."""


def _check(name: str, array: Any, dtype: type, shape: tuple[int | None, ...]) -> None:
    """Raise ``ValueError`` unless ``array`` is an array of ``dtype`` and ``shape`` (None: any size)."""
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        got = getattr(array, "dtype", type(array).__name__)
        raise ValueError(f"{name} must be an array of {np.dtype(dtype).name}, not {got}")
    if array.ndim != len(shape) or any(
        want not in (None, n) for want, n in zip(shape, array.shape, strict=True)
    ):
        want_text = ", ".join("*" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} must have shape ({want_text}), not {array.shape}")


@dataclass(frozen=True, slots=True)
class Rle:
    """One binary mask as a COCO run-length encoding (column-major, compressed counts).

    Attributes:
        height: rows of the frame, pixels.
        width: columns of the frame, pixels.
        counts: COCO's compressed counts, as ``pycocotools.mask.encode`` makes them.
    """

    height: int
    width: int
    counts: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded video frame.

    Attributes:
        index: position in presentation order, from 0.
        time: exact seconds since the first frame.
        image: (H, W, 3) uint8 RGB, rotated upright.
    """

    index: int
    time: Fraction
    image: Image

    def __post_init__(self) -> None:
        _check("image", self.image, np.uint8, (None, None, 3))


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video file.

    Attributes:
        path: the file.
        width: pixels, after rotation.
        height: pixels, after rotation.
        fps: nominal frames per second, exact; measured from the frames' times once decoded.
        frames: frames that could be decoded; before decoding what the header states, or None.
        duration: seconds, last frame included; before decoding what the header states, or None.
        codec: FFmpeg's name of the video codec, e.g. ``h264``.
        rotation: degrees clockwise by which decoded frames were turned to stand upright.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    frames: int | None
    duration: Fraction | None
    codec: str
    rotation: int = 0


@dataclass(frozen=True, slots=True)
class Detections:
    """The animals found in one frame.

    Attributes:
        boxes: (N, 4) float32 xyxy pixels of the original frame.
        scores: (N,) float32 in [0, 1].
        labels: (N,) int64, indices into the detector's list of classes.
        masks: N run-length encoded masks of the original frame's size, or None if the detector makes none.
    """

    boxes: Float32
    scores: Float32
    labels: Int64
    masks: tuple[Rle, ...] | None = None

    def __post_init__(self) -> None:
        _check("boxes", self.boxes, np.float32, (None, 4))
        _check("scores", self.scores, np.float32, (len(self.boxes),))
        _check("labels", self.labels, np.int64, (len(self.boxes),))
        if self.masks is not None and len(self.masks) != len(self.boxes):
            raise ValueError(f"{len(self.masks)} masks for {len(self.boxes)} boxes")

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls, *, masks: bool = True) -> Detections:
        """No animal: arrays of length 0."""
        return cls(
            boxes=np.zeros((0, 4), np.float32),
            scores=np.zeros(0, np.float32),
            labels=np.zeros(0, np.int64),
            masks=() if masks else None,
        )

    def select(self, keep: Bool | Int64) -> Detections:
        """The detections at the given indices, or where a boolean array of length N is True."""
        index = np.flatnonzero(keep) if keep.dtype == bool else keep
        return Detections(
            boxes=self.boxes[index],
            scores=self.scores[index],
            labels=self.labels[index],
            masks=None if self.masks is None else tuple(self.masks[i] for i in index),
        )


@dataclass(frozen=True, slots=True)
class Track:
    """One animal followed through a video.

    Attributes:
        track_id: 1, 2, ... unique within the video.
        label: species, by vote over the track's detections; or the name that a namer gave.
        label_score: share of the (score-weighted) vote that the label got, or the probability of the name, in
            [0, 1].
        frames: (T,) int64 frame indices, strictly increasing. The frames on which the animal is hidden
            are left out; in a predicted track those between two detections that are close are filled.
        boxes: (T, 4) float32 xyxy pixels of the original frame.
        scores: (T,) float32 detection scores; nan where the box is interpolated.
        masks: T masks; None where there is none (interpolated boxes, or a detector without masks).
        occluded: (T,) bool, True where the animal is marked as partly hidden; None: nowhere.
        crowd: the boxes and masks hold a group of animals that nobody told apart (COCO's ``iscrowd``).
        rank: of the name that a namer gave; empty where the detector itself named the animal.
        scientific_name: of that name; empty, too, for a group without one.
    """

    track_id: int
    label: str
    label_score: float
    frames: Int64
    boxes: Float32
    scores: Float32
    masks: tuple[Rle | None, ...]
    occluded: Bool | None = None
    crowd: bool = False
    rank: str = ""
    scientific_name: str = ""

    def __post_init__(self) -> None:
        _check("frames", self.frames, np.int64, (None,))
        _check("boxes", self.boxes, np.float32, (len(self.frames), 4))
        _check("scores", self.scores, np.float32, (len(self.frames),))
        if len(self.masks) != len(self.frames):
            raise ValueError(f"{len(self.masks)} masks for {len(self.frames)} frames")
        if self.occluded is not None:
            _check("occluded", self.occluded, np.bool_, (len(self.frames),))
        if len(self.frames) == 0 or np.any(np.diff(self.frames) <= 0):
            raise ValueError("a track needs at least one frame, and strictly increasing frame numbers")

    def __len__(self) -> int:
        return len(self.frames)

    def place_of(self, frame: int) -> int | None:
        """Position of a frame within the track; None where the track has no box there."""
        place = int(np.searchsorted(self.frames, frame))
        return place if place < len(self) and self.frames[place] == frame else None

    def span_s(self, times_s: Float64, duration: Fraction | None = None) -> tuple[float, float]:
        """Start and end in seconds: the last frame counts until the next one of the video shows.

        Args:
            times_s: (F,) times of all frames of the video.
            duration: of the video, where its last frame ends. None, or none that can be true: that frame
                counts for the median step.
        """
        first, last = int(self.frames[0]), int(self.frames[-1])
        if last + 1 < len(times_s):
            return float(times_s[first]), float(times_s[last + 1])
        if duration is not None and duration > times_s[last]:
            return float(times_s[first]), float(duration)
        step = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
        return float(times_s[first]), float(times_s[last]) + step

    @property
    def observed(self) -> Bool:
        """(T,) bool: True where a detection was made, False where the box is interpolated."""
        return ~np.isnan(self.scores)


@dataclass(frozen=True, slots=True)
class Clip:
    """T frames of one track, cropped around the animal.

    Attributes:
        track_id: of the track.
        start_s: start of the stretch of time that the clip stands for.
        end_s: its end.
        frames: (T,) int64 source frame of each crop; may repeat where the video is slower than the clip.
        images: (T, H, W, 3) uint8 RGB crops; H = W for networks that take squares.
    """

    track_id: int
    start_s: float
    end_s: float
    frames: Int64
    images: Image

    def __post_init__(self) -> None:
        _check("frames", self.frames, np.int64, (None,))
        _check("images", self.images, np.uint8, (len(self.frames), None, None, 3))


@dataclass(frozen=True, slots=True)
class ActionScores:
    """Action scores of one track, one row for each clip that slid over it.

    Attributes:
        track_id: of the track.
        classes: C action names.
        start_s: (K,) float64 start of each clip's stretch of time.
        end_s: (K,) float64 its end.
        scores: (K, C) float32 probabilities, rows sum to 1.
    """

    track_id: int
    classes: tuple[str, ...]
    start_s: Float64
    end_s: Float64
    scores: Float32

    def __post_init__(self) -> None:
        _check("start_s", self.start_s, np.float64, (None,))
        _check("end_s", self.end_s, np.float64, (len(self.start_s),))
        _check("scores", self.scores, np.float32, (len(self.start_s), len(self.classes)))


@dataclass(frozen=True, slots=True)
class Bout:
    """A stretch of time in which one animal did one thing.

    Attributes:
        track_id: of the track.
        action: what it did; `UNKNOWN` where no action is probable enough.
        start_s: first second, inclusive.
        end_s: last second, exclusive.
        score: mean probability of the action over the bout, in [0, 1]; of an unknown one, of the most
            probable action at each moment.
    """

    track_id: int
    action: str
    start_s: float
    end_s: float
    score: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class VideoResult:
    """All that wildact found in one video.

    Attributes:
        info: the file, with the number of frames and the duration as decoded.
        light: day, dusk or ir (infrared night).
        pts: (F,) int64 presentation time of each frame, in units of ``time_base``, 0 at the first.
        time_base: seconds per unit of ``pts``, exact.
        tracks: the animals.
        actions: action scores of the tracks that were long enough; one entry at most for each track.
        bouts: what the animals did, by track, then by time.
        warnings: what was odd about the file, in sentences.
        detected: (D,) int64 frames on which the detector ran.
        timings_s: seconds spent in each stage.
        models: name -> facts (file, sha256, licence) of the weights that made this.
    """

    info: VideoInfo
    light: Light
    pts: Int64
    time_base: Fraction
    tracks: tuple[Track, ...]
    actions: tuple[ActionScores, ...] = ()
    bouts: tuple[Bout, ...] = ()
    warnings: tuple[str, ...] = ()
    detected: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))
    timings_s: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check("pts", self.pts, np.int64, (None,))
        _check("detected", self.detected, np.int64, (None,))

    @property
    def times_s(self) -> Float64:
        """(F,) float64 seconds of each frame, 0 at the first."""
        return np.asarray(self.pts * float(self.time_base), np.float64)

    @property
    def status(self) -> Literal["ok", "blank"]:
        """``ok`` where there is at least one track, else ``blank``."""
        return "ok" if self.tracks else "blank"


@dataclass(frozen=True, slots=True)
class RecordingTime:
    """When a recording began, and how that is known.

    Attributes:
        start: of the first frame, corrected, with its offset from UTC.
        source: where the time stands, e.g. ``file name`` or ``tag creation_time``.
        text: as it stands there.
        zone: in which the text was read, e.g. ``Europe/Berlin``; empty where the text states its own.
        clock_offset_s: seconds that were added because the camera's clock was wrong.
    """

    start: datetime
    source: str
    text: str
    zone: str = ""
    clock_offset_s: float = 0.0

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None:
            raise ValueError("the start of a recording needs its offset from UTC")
