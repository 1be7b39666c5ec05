"""What a labelled data set holds, counted, feature by feature: the measure of what a format would lose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from wildact.datasets.bouts import boxed_actions, follows, kept_actions
from wildact.datasets.dataset import Dataset
from wildact.datasets.words import plural
from wildact.export.boris import merge_bouts
from wildact.labels import LabelledVideo
from wildact.masks import mask_to_box
from wildact.types import Bout, Track

FEATURES: dict[str, str] = {
    "boxes": "a box on each frame on which an animal is visible",
    "masks": "a mask of pixels, with holes and in several parts",
    "boxes beside masks": "a box that is not the tightest one around the mask of the same frame",
    "interpolated boxes": "a box between two detections, which has no score",
    "tracks": "which boxes are the same animal",
    "species": "the label of an animal",
    "actions": "what an animal does from one frame to another",
    "actions without boxes": "what an animal does of which nobody drew a box",
    "simultaneous actions": "two actions of an animal at the same time",
    "overlapping bouts": "two bouts of the same action of an animal that overlap",
    "adjacent bouts": "a border between two bouts of the same action that follow each other directly",
    "scores": "how sure a network was, of a box or a label",
    "occluded": "marks of animals that are partly hidden",
    "crowds": "groups of animals that nobody told apart",
    "unused species": "species that could be named but do not occur",
    "unused actions": "actions that could be named but do not occur",
    "site": "where the camera stood",
    "camera": "which camera it was",
    "light": "day, dusk or infrared",
    "recorded": "when the video was taken",
    "fps": "the exact frame rate",
    "size": "width and height of the frames",
    "length": "the number of frames",
    "frame order": "which frames make up a video, and in which order",
    "several videos": "more than one video",
    "blank videos": "videos without animals",
    "facts": "what the data set says of itself: description, generator and the like",
}
"""The features by which formats are told apart; ``docs/formats.md`` shows which format holds which."""


def count_losses(dataset: Dataset, holds: frozenset[str]) -> list[str]:
    """Say, each with its number, what a format that holds only the features ``holds`` would lose.

    Nothing is said of a feature that the data set does not use.
    """
    losses = [count(dataset) for feature, count in _COUNTS.items() if feature not in holds | _implied(holds)]
    if "boxes" not in holds and "masks" in holds:
        losses.insert(0, _boxes_without_masks(dataset))
    return [loss for loss in losses if loss]


def _implied(holds: frozenset[str]) -> frozenset[str]:
    """Features whose loss is said by that of another, or that are kept by another."""
    implied = set()
    if "masks" not in holds:
        implied |= {"boxes beside masks"}
        if "boxes" not in holds:
            implied |= {"interpolated boxes"}
    if "masks" in holds:
        implied |= {"boxes"}  # where there is a mask, the box comes back with it
    if "actions" not in holds:
        implied |= {"actions without boxes", "simultaneous actions", "adjacent bouts"}
    if "simultaneous actions" not in holds:
        implied |= {"overlapping bouts"}
    return frozenset(implied)


# -- one function for each feature: a phrase with a number, empty where there is nothing to lose -----------


def _tracks(dataset: Dataset) -> Iterator[Track]:
    for video in dataset.videos:
        yield from video.tracks


def _boxes(dataset: Dataset) -> str:
    return plural(sum(len(track) for track in _tracks(dataset)), "box", "boxes")


def _boxes_without_masks(dataset: Dataset) -> str:
    number = sum(sum(mask is None for mask in track.masks) for track in _tracks(dataset))
    return plural(number, "box without a mask", "boxes without a mask")


def _masks(dataset: Dataset) -> str:
    return plural(sum(sum(mask is not None for mask in track.masks) for track in _tracks(dataset)), "mask")


def _boxes_beside_masks(dataset: Dataset) -> str:
    number = 0
    for track in _tracks(dataset):
        for box, mask in zip(track.boxes, track.masks, strict=True):
            number += mask is not None and not np.array_equal(box, mask_to_box(mask))
    return plural(number, "box wider than its mask", "boxes wider than their masks")


def _interpolated_boxes(dataset: Dataset) -> str:
    number = sum(len(track) - int(np.count_nonzero(track.observed)) for track in _tracks(dataset))
    return plural(number, "box between detections", "boxes between detections")


def _track_identities(dataset: Dataset) -> str:
    tracks = [track for track in _tracks(dataset) if len(track) > 1]
    if not tracks:
        return ""
    boxes = plural(sum(map(len, tracks)), "box", "boxes")
    return f"which of {boxes} are the same animal ({plural(len(tracks), 'track')})"


def _species(dataset: Dataset) -> str:
    labels = [track.label for track in _tracks(dataset)]
    if not labels:
        return ""
    return f"the species of {plural(len(labels), 'track')} ({len(set(labels))} different)"


def _actions(dataset: Dataset) -> str:
    labels = [label.action for video in dataset.videos for label in video.actions]
    if not labels:
        return ""
    return f"{plural(len(set(labels)), 'action')} in {plural(len(labels), 'bout')}"


def _actions_without_boxes(dataset: Dataset) -> str:
    number = sum(len(video.actions) - len(boxed_actions(video)) for video in dataset.videos)
    return plural(number, "bout of an animal without boxes", "bouts of animals without boxes")


def _simultaneous_actions(dataset: Dataset) -> str:
    number = sum(len(video.actions) - len(kept_actions(video.actions)) for video in dataset.videos)
    return plural(number, "bout within another of the same animal", "bouts within others of the same animal")


def _overlapping_bouts(dataset: Dataset) -> str:
    number = 0
    for video in dataset.videos:
        bouts = [Bout(a.track_id, a.action, a.start_frame, a.end_frame, 1.0) for a in video.actions]
        number += len(bouts) - len(merge_bouts(bouts))
    return plural(
        number,
        "bout that overlaps with one of the same action",
        "bouts that overlap with others of the same action",
    )


def _adjacent_bouts(dataset: Dataset) -> str:
    number = 0
    for video in dataset.videos:
        number += sum(follows(one, following) for one, following in pairwise(kept_actions(video.actions)))
    return plural(
        number, "border between bouts of the same action", "borders between bouts of the same action"
    )


def _scores(dataset: Dataset) -> str:
    tracks = list(_tracks(dataset))
    number = sum(int(np.count_nonzero(~(track.scores == 1))) for track in tracks)
    number += sum(track.label_score != 1 for track in tracks)
    return plural(number, "score")


def _occluded(dataset: Dataset) -> str:
    marks = [track.occluded for track in _tracks(dataset) if track.occluded is not None]
    number = sum(int(np.count_nonzero(of_track)) for of_track in marks)
    return plural(number, "mark 'partly hidden'", "marks 'partly hidden'")


def _crowds(dataset: Dataset) -> str:
    return plural(sum(track.crowd for track in _tracks(dataset)), "mark of a crowd", "marks of crowds")


def _unused_species(dataset: Dataset) -> str:
    unused = set(dataset.species) - {track.label for track in _tracks(dataset)}
    return plural(len(unused), "species that no animal has", "species that no animal has")


def _unused_actions(dataset: Dataset) -> str:
    unused = set(dataset.actions) - {label.action for video in dataset.videos for label in video.actions}
    return plural(len(unused), "action that no animal does", "actions that no animal does")


def _frame_order(dataset: Dataset) -> str:
    lengths = [video.info.frames for video in dataset.videos if video.info.frames not in (None, 1)]
    if not lengths:
        return ""
    return f"the order of {sum(filter(None, lengths))} frames in {plural(len(lengths), 'video')}"


def _fact(phrase: str, known: Callable[[LabelledVideo], bool]) -> Callable[[Dataset], str]:
    def count(dataset: Dataset) -> str:
        number = sum(known(video) for video in dataset.videos)
        return f"{phrase} of {plural(number, 'video')}" if number else ""

    return count


def _several_videos(dataset: Dataset) -> str:
    return plural(len(dataset.videos) - 1, "video after the first", "videos after the first")


def _blank_videos(dataset: Dataset) -> str:
    number = sum(not video.tracks for video in dataset.videos)
    return plural(number, "video without animals", "videos without animals")


def _facts(dataset: Dataset) -> str:
    number = plural(len(dataset.facts), "fact of the data set as a whole", "facts of the data set as a whole")
    return f"{number} ({', '.join(sorted(dataset.facts))})" if number else ""


_COUNTS: dict[str, Callable[[Dataset], str]] = {
    "boxes": _boxes,
    "masks": _masks,
    "boxes beside masks": _boxes_beside_masks,
    "interpolated boxes": _interpolated_boxes,
    "tracks": _track_identities,
    "species": _species,
    "actions": _actions,
    "actions without boxes": _actions_without_boxes,
    "simultaneous actions": _simultaneous_actions,
    "overlapping bouts": _overlapping_bouts,
    "adjacent bouts": _adjacent_bouts,
    "scores": _scores,
    "occluded": _occluded,
    "crowds": _crowds,
    "unused species": _unused_species,
    "unused actions": _unused_actions,
    "site": _fact("the site", lambda video: bool(video.site)),
    "camera": _fact("the camera", lambda video: bool(video.camera)),
    "light": _fact("the light", lambda video: video.light is not None),
    "recorded": _fact("the time of recording", lambda video: video.recorded is not None),
    "fps": _fact("the frame rate", lambda video: video.info.fps > 0),
    "size": _fact("the frame size", lambda video: video.info.width > 0),
    "length": _fact("the number of frames", lambda video: video.info.frames is not None),
    "frame order": _frame_order,
    "several videos": _several_videos,
    "blank videos": _blank_videos,
    "facts": _facts,
}
