"""An action network on annotated tracks: no detector and no tracker in between, one answer for each bout.

Several views of a bout can be shown to the network (*multi-view testing*), whose probabilities are averaged:
Wang et al. 2018, Non-local Neural Networks; Feichtenhofer et al. 2019, SlowFast, section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wildact.clip import ClipPlan, cut_clips, frames_needed, plan_clips_at
from wildact.decode import VideoReader
from wildact.errors import DatasetError
from wildact.labels import ActionLabel, LabelledVideo
from wildact.metrics import tabulate_answers
from wildact.recognize import Recognizer, predict_actions
from wildact.types import Float32, Float64, Frame, Int64, Track

TOP_K = 5
CROP_SHIFTS = {1: (0,), 3: (-1, 0, 1)}
"""Number of crops -> where they lie: at the centre, or left, centre and right."""


@dataclass(frozen=True, slots=True)
class BoutCounts:
    """Answers to the annotated bouts of one video.

    Attributes:
        answers: (C, C + 1) true action by most probable one; last column: one that the data set does not
            have.
        top5: bouts whose action is among the five most probable.
    """

    answers: Int64
    top5: int


def run_annotated(
    video: LabelledVideo,
    recognizer: Recognizer,
    actions: Sequence[str],
    *,
    min_height_px: float,
    views: int,
    crops: int,
) -> BoutCounts:
    """Ask an action network about each annotated bout of a video.

    Args:
        video: with its truth.
        recognizer: the action network.
        actions: of the data set.
        min_height_px: bouts in which the animal is never seen so high do not count; nor do crowds.
        views: clips spread over each bout.
        crops: of each clip, 1 or 3.

    Raises:
        DatasetError: if the video is shorter than its annotations.
        VideoError: if it cannot be decoded.
    """
    times_s = video.times_s
    tracks = {track.track_id: track for track in video.tracks if not track.crowd}
    truth: list[str] = []
    plans: list[ClipPlan] = []
    for label in video.actions:
        track = tracks.get(label.track_id)
        seen = np.zeros(0, np.int64) if track is None else seen_frames(track, label, min_height_px)
        if track is None or len(seen) == 0:
            continue
        start_s, end_s = times_s[seen[0]], times_s[seen[-1]] + 1 / float(video.info.fps)
        shown = plan_views(track, times_s, start_s, end_s, recognizer, views=views, crops=crops)
        plans += [replace(plan, track_id=len(truth)) for plan in shown]  # the bout's number tells it apart
        truth.append(label.action)
    probabilities = _predict(video.info.path, plans, recognizer)
    answers = [recognizer.classes[row.argmax()] for row in probabilities]
    return BoutCounts(
        answers=tabulate_answers(truth, answers, actions),
        top5=sum(
            action in best_classes(row, recognizer.classes)
            for action, row in zip(truth, probabilities, strict=True)
        ),
    )


def seen_frames(track: Track, label: ActionLabel, min_height_px: float) -> Int64:
    """Frames of a bout on which the animal is seen high enough."""
    during = (label.start_frame <= track.frames) & (track.frames < label.end_frame)
    high = track.boxes[:, 3] - track.boxes[:, 1] >= min_height_px
    return track.frames[during & high]


def plan_views(
    track: Track,
    times_s: Float64,
    start_s: float,
    end_s: float,
    recognizer: Recognizer,
    *,
    views: int,
    crops: int,
) -> list[ClipPlan]:
    """Plan the clips and crops that are shown of one bout.

    Clips begin at equal distances, the first with the bout, and the last ends with it; a single one lies in
    the middle. A bout that is shorter than a clip gets one clip, in its middle. The left and right crops are
    moved by half of the room that the crop leaves around the animal's largest box, so that this touches its
    border: the clips are square already, so there is no longer side to move along.

    Args:
        track: annotated.
        times_s: (F,) seconds of all frames of the video.
        start_s: of the bout.
        end_s: of the bout, exclusive.
        recognizer: whose clips these are.
        views: clips.
        crops: of each clip, a key of `CROP_SHIFTS`.
    """
    spare_s = end_s - start_s - recognizer.clip_s
    if spare_s <= 0 or views == 1:
        starts_s = np.array([start_s + spare_s / 2])
    else:
        starts_s = np.linspace(start_s, start_s + spare_s, views)
    clips = plan_clips_at(
        track,
        times_s,
        starts_s,
        num_frames=recognizer.num_frames,
        rate=recognizer.rate,
        context=recognizer.context,
        own_aspect=recognizer.own_aspect,
    )
    room = max(0.0, 1 - 1 / recognizer.context) / 2
    return [
        replace(clip, squares=clip.squares + clip.squares[:, 2:] * np.array([shift * room, 0, 0], np.float32))
        for clip in clips
        for shift in CROP_SHIFTS[crops]
    ]


def best_classes(probabilities: Float32, classes: Sequence[str]) -> tuple[str, ...]:
    """Names of the `TOP_K` most probable classes; of equal ones, the first."""
    return tuple(classes[i] for i in np.argsort(-probabilities, kind="stable")[:TOP_K])


def _predict(path: Path, plans: Sequence[ClipPlan], recognizer: Recognizer) -> list[Float32]:
    """(C,) mean probabilities of the plans of each ``track_id``, in its order."""
    if not plans:
        return []
    clips = cut_clips(plans, _read(path, frames_needed(plans)), size=recognizer.size)
    return [scores.scores.mean(axis=0) for scores in predict_actions(recognizer, clips)]


def _read(path: Path, needed: set[int]) -> Iterator[Frame]:
    missing = set(needed)
    with VideoReader(path) as reader:
        for frame in reader.frames(lambda index, _: index in needed):
            missing.discard(frame.index)
            yield frame
    if missing:
        raise DatasetError(f"{path} ends before frame {min(missing)}, which its annotations name.")
