"""What can be wrong with a data set: kinds of findings, and what to do about each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["error", "warning"]
"""``error``: training or evaluation would stop, or learn from what is not so. ``warning``: look at it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding.

    Attributes:
        severity: how bad it is.
        title: what it is called.
        advice: what to do, a clause without a full stop.
    """

    severity: Severity
    title: str
    advice: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, or odd, at one place of a data set.

    Attributes:
        kind: of what kind.
        file: where.
        entry: where in the file; empty: the file as a whole.
        what: what is wrong, a clause without a full stop.
    """

    kind: Kind
    file: Path
    entry: str
    what: str

    @property
    def severity(self) -> Severity:
        """``error`` or ``warning``."""
        return self.kind.severity

    @property
    def advice(self) -> str:
        """What to do."""
        return self.kind.advice

    @property
    def place(self) -> str:
        """File and entry."""
        return f"{self.file}: {self.entry}" if self.entry else str(self.file)

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {self.advice}."


Report = Callable[[Finding], None]
"""Takes a finding: the one of `load_dataset` raises at the first error, the one of a check collects all."""


# -- what reading finds ------------------------------------------------------------------------------------

UNREADABLE = Kind("error", "unreadable file", "a data set holds annotations.json and, of videos, actions.csv")
MALFORMED = Kind("error", "malformed entry", "write it as docs/data-format.md says")
DUPLICATE = Kind("error", "given twice", "give each one a name or number of its own, or delete one")
UNKNOWN = Kind("error", "refers to what is not there", "mend the reference, or add what it refers to")
BROKEN_ROW = Kind("error", "row that cannot be used", "mend it in clips.csv, or delete it")
NOT_VISIBLE = Kind("error", "track without frames", "draw at least one box, or delete the track")
BROKEN_BOX = Kind("error", "broken box", "a box is [x, y, width, height] in pixels; null where hidden")
BOX_OUTSIDE = Kind("error", "box outside the frame", "draw it again, or mend width and height of the video")
BOX_CLIPPED = Kind("warning", "box reaches beyond the image", "draw it again; the part outside is cut off")
NO_BOX = Kind("warning", "annotation without a box", "draw it; until then the rest of its image is ignored")
BROKEN_MASK = Kind("error", "broken mask", "encode it again, with the size of the frame")
AFTER_END = Kind("error", "label after the last frame", "mend the length of the video, or shorten the label")
OVERLAP = Kind("error", "overlapping bouts", "let one end where the next begins")
LIST_LENGTH = Kind(
    "warning", "lists of another length", "give one entry, or null, for each frame of the video"
)
STRAY_MASK = Kind("warning", "mask without box", "draw the box, or delete the mask, which is not used")

# -- what a look at the labels finds -----------------------------------------------------------------------

NO_VIDEOS = Kind("error", "no videos", "list at least one video")
NO_MASK = Kind("warning", "box without mask", "draw the mask: from boxes alone no masks are learnt")
TINY_BOX = Kind("warning", "tiny box", "delete it, unless the animal is really that small")
STRAY_BOX = Kind(
    "warning", "mask and box disagree", "draw one of them again: a box lies close around its mask"
)
UNSEEN_ACTION = Kind(
    "warning", "action of an unseen animal", "mend track or frames: it cannot be learnt from"
)
NO_ACTION = Kind("warning", "tracks without action", "label them, if they are meant for an action network")
NO_PLACE = Kind("warning", "site or camera unknown", "name it: a data set is split by site or camera")
ODD_DATE = Kind("warning", "odd date", "write it like 2024-05-31T21:04:00, or null")
SIMILAR_NAMES = Kind("warning", "similar names", "make them one, unless they mean different things")
EMPTY_CLASS = Kind("warning", "class without examples", "label some, or delete the class")
IMBALANCE = Kind("warning", "classes out of balance", "label more of the rare one, or train with weights")

SHARED_RECORDING = Kind("error", "recording in two splits", "give all of a recording the same split")

# -- what the videos say -----------------------------------------------------------------------------------

NO_FILE = Kind("error", "video missing", "copy it there, or delete its entry and annotations")
BROKEN_VIDEO = Kind("error", "video cannot be read", "replace the file, or delete its entry and annotations")
DAMAGED_VIDEO = Kind("warning", "damaged video", "look at it, or copy it again: frames may be grey or absent")
OTHER_SIZE = Kind("error", "video of another size", "mend the entry, or label the video that is meant")
FEWER_FRAMES = Kind("error", "video with fewer frames", "mend the length, or copy the whole video again")
OTHER_FPS = Kind("warning", "video of another frame rate", "mend fps: durations of actions depend on it")
OTHER_LENGTH = Kind("warning", "video of another length", "count with --decode: a header may be wrong")
MORE_FRAMES = Kind(
    "warning", "video with more frames", "mend the length: the last frames count as unlabelled"
)
SAME_VIDEO = Kind("warning", "the same video twice", "keep one, lest it weigh double")

# -- what the comparison of data sets finds ----------------------------------------------------------------

SHARED_FILE = Kind("error", "video in two data sets", "delete it from one: a test on it tells nothing")
SHARED_CAMERA = Kind("warning", "camera in two data sets", "split by camera: its background gives away much")
SHARED_SITE = Kind("warning", "site in two data sets", "split by site, to test on places never seen")
OTHER_CLASSES = Kind("warning", "other classes", "give all data sets the same classes in the same order")

KINDS: tuple[Kind, ...] = tuple(value for value in dict(globals()).values() if isinstance(value, Kind))
"""All kinds, errors of reading first."""
