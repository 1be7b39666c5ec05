"""The table of annotation formats: who reads and writes them, and what each can hold.

A format is one module or folder beside this one, and one entry of ``FORMATS``. All go through `Dataset`, so
that any two can be converted into each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.boris.read import read_boris
from wildact.datasets.formats.boris.write import write_boris
from wildact.datasets.formats.camtrap_dp.read import read_camtrap_dp
from wildact.datasets.formats.camtrap_dp.write import write_camtrap_dp
from wildact.datasets.formats.coco.coco import read_coco, write_coco
from wildact.datasets.formats.coco.coco_vid import read_coco_vid, write_coco_vid
from wildact.datasets.formats.coco.youtube_vis import read_youtube_vis, write_youtube_vis
from wildact.datasets.formats.cvat.read import read_cvat
from wildact.datasets.formats.cvat.write import write_cvat
from wildact.datasets.formats.label_studio.read import read_label_studio
from wildact.datasets.formats.label_studio.write import write_label_studio
from wildact.datasets.formats.losses import FEATURES, count_losses
from wildact.datasets.formats.megadetector import read_megadetector, write_megadetector
from wildact.datasets.formats.mot.mot import read_mot, write_mot
from wildact.datasets.formats.mot.mots import read_mots, write_mots
from wildact.datasets.native.read import load_dataset
from wildact.datasets.native.write import save_dataset


@dataclass(frozen=True, slots=True)
class Format:
    """An annotation format.

    Attributes:
        name: as ``wildact convert`` calls it.
        title: as its makers call it, with the version.
        read: file or folder to data set; what the format does not tell stays unknown (see
            :class:`wildact.labels.LabelledVideo`), and what wildact cannot hold is told by
            ``Dataset.dropped``. Raises DatasetError.
        write: data set to a file or folder, whole or not at all. What ``list_losses`` tells is left out.
            Raises OutputError.
        holds: names of ``FEATURES``: what comes back when it is written and read.
        takes_facts: ``read`` has a second argument, ``facts.Facts``, because it must know the frame size or
            rate (of shares of the frame, or of seconds) where the file does not tell.
    """

    name: str
    title: str
    read: Callable[..., Dataset]
    write: Callable[[Dataset, Path], None]
    holds: frozenset[str]
    takes_facts: bool = False

    def __post_init__(self) -> None:
        if unknown := self.holds - set(FEATURES):
            raise ValueError(f"format {self.name} claims to hold {sorted(unknown)}, which are no features")


def list_losses(dataset: Dataset, format_: Format) -> list[str]:
    """Say what this data set holds and the format cannot, each with its number.

    Example:
        ``["412 masks", "3 actions in 12 bouts"]``; empty where all of it can be held.
    """
    return count_losses(dataset, format_.holds)


_SHAPES = frozenset(
    {"boxes", "interpolated boxes", "species", "size", "length", "several videos", "blank videos"}
)
"""What all formats of boxes hold."""

_IN_TIME = frozenset({"tracks", "frame order"})
_MASKS = frozenset({"masks", "boxes beside masks", "crowds"})
_PLACE = frozenset({"site", "camera", "light", "recorded"})
_NAMES = frozenset({"unused species", "unused actions"})

FORMATS: dict[str, Format] = {
    format_.name: format_
    for format_ in (
        Format(
            name="native",
            title="wildact's own folder",
            read=load_dataset,
            write=save_dataset,
            holds=frozenset(FEATURES)
            - {"actions without boxes", "simultaneous actions", "overlapping bouts", "scores"},
        ),
        Format(
            name="cvat",
            title="CVAT for video 1.1",
            read=read_cvat,
            write=write_cvat,
            holds=_SHAPES | _IN_TIME | _NAMES | {"masks", "boxes beside masks", "actions", "occluded"},
            takes_facts=True,
        ),
        Format(
            name="coco",
            title="COCO",
            read=read_coco,
            write=write_coco,
            holds=_SHAPES | _MASKS | {"unused species", "facts"},
        ),
        Format(
            name="coco-vid",
            title="CocoVID (MMTracking)",
            read=read_coco_vid,
            write=write_coco_vid,
            holds=_SHAPES | _IN_TIME | _MASKS | {"unused species", "occluded", "fps", "facts"},
        ),
        Format(
            name="youtube-vis",
            title="YouTube-VIS",
            read=read_youtube_vis,
            write=write_youtube_vis,
            holds=_SHAPES | _IN_TIME | _MASKS | {"unused species", "facts"},
        ),
        Format(
            name="mot",
            title="MOTChallenge (MOT16 and later)",
            read=read_mot,
            write=write_mot,
            holds=_SHAPES | _IN_TIME | {"unused species", "fps"},
        ),
        Format(
            name="mots",
            title="MOTS",
            read=read_mots,
            write=write_mots,
            holds=(_SHAPES | _IN_TIME | {"masks", "unused species", "fps"}) - {"boxes"},
        ),
        Format(
            name="label-studio",
            title="Label Studio, video",
            read=read_label_studio,
            write=write_label_studio,
            holds=_SHAPES | _IN_TIME | _NAMES | _PLACE
            | {"actions", "simultaneous actions", "overlapping bouts", "adjacent bouts", "fps"},
            takes_facts=True,
        ),
        Format(
            name="camtrap-dp",
            title="Camtrap DP 1.0.2",
            read=read_camtrap_dp,
            write=write_camtrap_dp,
            holds=frozenset(FEATURES) - _NAMES - {"actions without boxes", "facts"},
            takes_facts=True,
        ),
        Format(
            name="boris",
            title="BORIS project",
            read=read_boris,
            write=write_boris,
            holds=_PLACE
            | {"actions", "actions without boxes", "simultaneous actions", "adjacent bouts", "unused actions"}
            | {"fps", "length", "frame order", "several videos", "blank videos"},
            takes_facts=True,
        ),
        Format(
            name="megadetector",
            title="MegaDetector's results, 1.6",
            read=read_megadetector,
            write=write_megadetector,
            holds=frozenset(
                {"boxes", "species", "scores", "fps", "frame order", "several videos", "blank videos"}
            ),
            takes_facts=True,
        ),
    )
}  # fmt: skip
"""Name -> format."""
