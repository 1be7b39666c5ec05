"""What is needed of Label Studio's tasks, as its JSON export holds them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from wildact.datasets.formats.documents import Count, Id, Part
from wildact.datasets.limits import MAX_FRAMES
from wildact.types import Light

Frame = Annotated[int, Field(ge=1, le=MAX_FRAMES)]


class Region(Part):
    """An entry of ``result``."""

    id: str | None = None
    type: str
    value: dict[str, Any] = Field(default_factory=dict)
    parentID: str | None = None  # noqa: N815  # Label Studio's name
    from_id: str | None = None
    to_id: str | None = None


class Annotation(Part):
    """What one person labelled."""

    result: list[Region]
    was_cancelled: bool = False


class Task(Part):
    """A video."""

    id: Id | None = None
    data: dict[str, Any]
    annotations: list[Annotation] = Field(default_factory=list)
    predictions: list[Any] = Field(default_factory=list)


class KeyFrame(Part):
    """A box of a sequence, in per cent of the frame."""

    frame: Frame
    x: float
    y: float
    width: float
    height: float
    rotation: float = 0
    enabled: bool = True


class Sequence(Part):
    """The value of a ``videorectangle``."""

    sequence: list[KeyFrame]
    framesCount: Count | None = None  # noqa: N815  # Label Studio's name
    labels: list[str] = Field(default_factory=list)


class Range(Part):
    """Frames, the last included."""

    start: Frame
    end: Frame


class Timeline(Part):
    """The value of ``timelinelabels``."""

    ranges: list[Range]
    timelinelabels: list[str] = Field(default_factory=list)


class Data(Part):
    """Facts that wildact writes into the ``data`` of a task."""

    width: Count = 0
    height: Count = 0
    frames: Annotated[int, Field(ge=1, le=MAX_FRAMES)] | None = None
    fps: str | float | None = None
    site: str = ""
    camera: str = ""
    light: Light | None = None
    recorded: str | None = None
    species: list[str] = Field(default_factory=list)
    actions: list[str] = Field(default_factory=list)
