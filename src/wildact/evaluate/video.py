"""What the whole chain gets right and wrong in one video: counts, from which all figures follow.

The detector is scored on single frames, as it left the network; everything else on what a user gets: the
tracks and bouts of `wildact.pipeline`. No picture and no mask is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from wildact.datasets import mask_truth_at, truth_at
from wildact.decode import VideoReader, is_still
from wildact.detect import Detector
from wildact.labels import LabelledVideo
from wildact.metrics import (
    ActionSeconds,
    Matches,
    TrackingCounts,
    TrackMatch,
    classify_speeds,
    compute_action_seconds,
    compute_actions_in_place,
    compute_motion_iou,
    count_tracking,
    match_action_frames,
    match_detections,
    match_tracks,
    match_tubes,
    predicted_tubes,
    tabulate_answers,
    true_tubes,
    within_crowds,
)
from wildact.metrics.naming import Naming, Tally, tally_names
from wildact.pipeline import ANIMAL, AnalysisSettings, Models, analyze_video, keep_at
from wildact.taxonomy import load_taxonomy
from wildact.types import UNKNOWN, Bool, Bout, Detections, Int64, Track, VideoResult

NO_NAMES: Mapping[int, str] = MappingProxyType({})

AP_FPS = Fraction(2)
"""Frames per second on which detections are scored: neighbouring frames are nearly the same picture."""


@dataclass(frozen=True, slots=True)
class ScoredFrames:
    """The frames of one video on which detections are scored.

    Attributes:
        truth: what is to be found on each, labelled by species.
        crowds: for each (N,) bool, which of that are groups that nobody told apart.
        speeds: for each (N,) int64, which of `wildact.metrics.SPEEDS` that has; -1 where nobody knows.
        found: what was found on each.
        masked: what masks are to be found on each, and which of them are ignore regions; None where masks
            cannot be scored, see `wildact.datasets.mask_truth_at`.
    """

    truth: list[Detections]
    crowds: list[Bool]
    speeds: list[Int64]
    found: list[Detections]
    masked: list[tuple[Detections, Bool] | None]


@dataclass(frozen=True, slots=True)
class ChainCounts:
    """Counts of one video.

    Attributes:
        frames: on which detections were scored.
        undecoded: frames from the end of the video to that of its labels.
        boxes: hits and false alarms by overlap of boxes.
        masks: by overlap of masks; None where the detector makes none.
        masked: frames on which masks were scored: those with a labelled mask, and those without animals.
        tracks: of tracks and actions; None for a still image.
    """

    frames: int
    undecoded: int
    boxes: Matches
    masks: Matches | None
    masked: int
    tracks: TrackCounts | None


@dataclass(frozen=True, slots=True)
class TrackCounts:
    """Counts of one video that need more than single frames.

    Attributes:
        tracking: what TrackEval counts.
        animals: annotated tracks that are ever high enough.
        found: how many of them a predicted track follows.
        species_right: how many of these have the right species.
        named: how many of these a namer gave a name below ``animal``, where the truth is in the taxonomy.
        names_right: how many of those names are right at their rank: the truth or a group around it.
        false_tracks: predicted tracks that follow no animal.
        seconds: (C, C + 1) seconds of followed animals: true action by predicted one, last column none of
            them.
        answered: how many of these a bout covers.
        unfollowed: (C,) seconds of animals that no track follows, by true action.
        in_place: (C, C + 1) seconds of predicted tracks, as ``seconds``: the true actions are those of the
            animals on which they lie.
        tubes: hits and false alarms of tubes.
        tube_frames: of their boxes, at the middle of each second.
    """

    tracking: TrackingCounts
    animals: int
    found: int
    species_right: int
    named: int
    names_right: int
    false_tracks: int
    seconds: Int64
    answered: int
    unfollowed: Int64
    in_place: Int64
    tubes: Matches
    tube_frames: Matches


def run_chain(
    video: LabelledVideo,
    models: Models,
    settings: AnalysisSettings,
    *,
    species: Sequence[str],
    actions: Sequence[str],
    min_height_px: float,
    names: Mapping[int, str] = NO_NAMES,
) -> ChainCounts:
    """Analyse a video and compare the result with its truth.

    Args:
        video: with its truth.
        models: both networks.
        settings: of the analysis.
        species: classes of the data set; what the detector finds of others does not count.
        actions: of the data set.
        min_height_px: animals whose visible box is lower are neither wanted nor wrong to find.
        names: annotated track -> what the animal is, where the truth has the classes of the detector.

    Raises:
        VideoError: if the video cannot be decoded.
    """
    frames = detect_scored_frames(video, models.detector, species, settings)
    path = video.info.path
    result = None if is_still(path) else analyze_video(path, models, settings)
    return count_chain(
        video, frames, result, species=species, actions=actions, min_height_px=min_height_px, names=names
    )


def detect_scored_frames(
    video: LabelledVideo, detector: Detector, species: Sequence[str], settings: AnalysisSettings
) -> ScoredFrames:
    """Run a detector on `AP_FPS` frames per second of a video.

    One that lets frames help each other sees the frames around them too, as many as in an analysis.
    """
    to_species = np.array(
        [species.index(name) if name in species else -1 for name in detector.classes], np.int64
    )
    scored: set[int] = set()
    at_ap, at_analysis = keep_at(AP_FPS), keep_at(settings.fps)

    def show(index: int, time: Fraction) -> bool:
        if at_ap(index, time):
            scored.add(index)
        analysed = at_analysis(index, time)  # asked of every frame: it counts on
        return index in scored or (detector.temporal and analysed)

    speeds = [classify_speeds(compute_motion_iou(track, video.info.fps)) for track in video.tracks]
    frames = ScoredFrames([], [], [], [], [])
    size = (video.info.width, video.info.height)
    with VideoReader(video.info.path) as reader:
        for frame, found in detector.stream(reader.frames(show), wanted=lambda frame: frame.index in scored):
            truth, crowds = truth_at(video.tracks, frame.index, species)
            found = found.select(to_species[found.labels] >= 0)
            frames.truth.append(truth)
            frames.crowds.append(crowds)
            frames.speeds.append(speeds_at(video.tracks, speeds, frame.index))
            frames.masked.append(mask_truth_at(video.tracks, frame.index, species, size))
            frames.found.append(replace(found, labels=to_species[found.labels]))
    return frames


def speeds_at(tracks: Sequence[Track], speeds: Sequence[Int64], frame: int) -> Int64:
    """The speeds of the animals on a frame, in the order of `wildact.datasets.truth_at`.

    Args:
        tracks: annotated.
        speeds: of each track (T,), on each of its frames.
        frame: number of the frame.
    """
    places = [track.place_of(frame) for track in tracks]
    seen = [of[place] for place, of in zip(places, speeds, strict=True) if place is not None]
    return np.array(seen, np.int64)


def count_chain(
    video: LabelledVideo,
    frames: ScoredFrames,
    result: VideoResult | None,
    *,
    species: Sequence[str],
    actions: Sequence[str],
    min_height_px: float,
    names: Mapping[int, str] = NO_NAMES,
) -> ChainCounts:
    """Compare what was found in a video (None: a still image) with its truth; arguments as of `run_chain`."""
    boxes = match_detections(
        frames.truth,
        frames.found,
        species,
        iou_type="bbox",
        min_height_px=min_height_px,
        crowds=frames.crowds,
        speeds=frames.speeds,
    )
    length = len(frames.truth) if result is None else len(result.times_s)
    return ChainCounts(
        frames=len(frames.truth),
        undecoded=max([0, *(int(track.frames[-1]) + 1 - length for track in video.tracks)]),
        boxes=boxes,
        masks=_match_masks(frames, species, min_height_px),
        masked=sum(masked is not None for masked in frames.masked),
        tracks=None if result is None else _count_tracks(video, result, actions, min_height_px, names),
    )


def _count_tracks(
    video: LabelledVideo,
    result: VideoResult,
    actions: Sequence[str],
    min_height_px: float,
    names: Mapping[int, str],
) -> TrackCounts:
    """Compare tracks and bouts; bouts of an unknown action count as no answer."""
    named = tuple(bout for bout in result.bouts if bout.action != UNKNOWN)
    given = {track.track_id: track.label for track in result.tracks if track.rank}
    tracks = tuple(replace(track, label=ANIMAL) if track.rank else track for track in result.tracks)
    result = replace(result, bouts=named, tracks=tracks)
    tall = tuple(cut for track in video.tracks if (cut := cut_tall(track, min_height_px)) is not None)
    matches = match_tracks(tall, result.tracks)
    labels = {track.track_id: track.label for track in result.tracks}
    followed = {match.truth_id: match.predicted_id for match in matches}
    namings = pair_names(names, given, followed)
    true = true_tubes(video.tracks, video.actions, min_height_px=min_height_px)
    found = predicted_tubes(
        result.tracks,
        result.bouts,
        result.times_s,
        video.tracks,
        video.actions,
        min_height_px=min_height_px,
    )
    length = len(result.times_s)
    bouts = bouts_by_frames(result, video.info.fps)
    seconds = [
        compute_action_seconds(video.actions, track, video.info.fps, bouts, followed[track.track_id])
        for track in tall
        if track.track_id in followed
    ]
    return TrackCounts(
        tracking=count_tracking(video.tracks, result.tracks, min_height_px=min_height_px),
        animals=len(tall),
        found=len(matches),
        species_right=sum(labels[followed[t.track_id]] == t.label for t in tall if t.track_id in followed),
        named=namings.given,
        names_right=namings.right,
        false_tracks=_count_false(video.tracks, result.tracks, matches),
        seconds=_tabulate(seconds, actions),
        answered=sum(answer is not None for one in seconds for answer in one.predicted),
        unfollowed=_tabulate(
            [
                compute_action_seconds(video.actions, track, video.info.fps, (), None)
                for track in tall
                if track.track_id not in followed
            ],
            actions,
        ).sum(axis=1),
        in_place=_tabulate(
            [
                compute_actions_in_place(video.actions, tall, video.info.fps, bouts, track)
                for track in result.tracks
            ],
            actions,
        ),
        tubes=match_tubes(true, found, actions),
        tube_frames=match_action_frames(true, found, actions, video.info.fps, length),
    )


def pair_names(names: Mapping[int, str], given: Mapping[int, str], followed: Mapping[int, int]) -> Tally:
    """Count the names of a namer that are right at their rank.

    Args:
        names: annotated track -> what the animal is; those that the taxonomy does not know do not count.
        given: predicted track -> its name.
        followed: annotated track -> the predicted track that follows it.
    """
    taxonomy = load_taxonomy()
    pairs = [
        Naming(given[followed[track_id]], truth.name)
        for track_id, label in names.items()
        if (truth := taxonomy.find(label)) is not None and followed.get(track_id) in given
    ]
    return tally_names(pairs, taxonomy)


def bouts_by_frames(result: VideoResult, fps: Fraction) -> tuple[Bout, ...]:
    """Bouts in seconds as labels have them: frames at a constant rate, whatever their real times.

    Args:
        result: of an analysis.
        fps: of the labels.
    """
    times_s = np.append(result.times_s, float(result.info.duration or 0))
    clock_s = np.arange(len(times_s)) / float(fps)
    if np.abs(times_s - clock_s)[:-1].max(initial=0) < 0.5 / float(fps):
        return result.bouts
    return tuple(
        replace(
            bout,
            start_s=float(np.interp(bout.start_s, times_s, clock_s)),
            end_s=float(np.interp(bout.end_s, times_s, clock_s)),
        )
        for bout in result.bouts
    )


def cut_tall(track: Track, min_height_px: float) -> Track | None:
    """The track on the frames where the animal is high enough; None where it never is, and for crowds."""
    keep = np.flatnonzero(track.boxes[:, 3] - track.boxes[:, 1] >= min_height_px)
    if len(keep) == 0 or track.crowd:
        return None
    return replace(
        track,
        frames=track.frames[keep],
        boxes=track.boxes[keep],
        scores=track.scores[keep],
        masks=tuple(track.masks[i] for i in keep),
        occluded=None if track.occluded is None else track.occluded[keep],
    )


def _match_masks(frames: ScoredFrames, species: Sequence[str], min_height_px: float) -> Matches | None:
    if any(found.masks is None for found in frames.found):
        return None
    scored = [
        (*masked, found, speeds)
        for masked, found, speeds in zip(frames.masked, frames.found, frames.speeds, strict=True)
        if masked is not None
    ]
    return match_detections(
        [truth for truth, _, _, _ in scored],
        [found for _, _, found, _ in scored],
        species,
        iou_type="segm",
        min_height_px=min_height_px,
        crowds=[crowds for _, crowds, _, _ in scored],
        speeds=[speeds for _, _, _, speeds in scored],
    )


def _count_false(truth: Sequence[Track], predicted: Sequence[Track], matches: Sequence[TrackMatch]) -> int:
    """Predicted tracks that follow no animal, however low, and are not mostly within a crowd."""
    right = {match.predicted_id for match in [*matches, *match_tracks(truth, predicted)]}
    crowds = [track for track in truth if track.crowd]
    return sum(
        track.track_id not in right and 2 * int(within_crowds(track, crowds).sum()) <= len(track)
        for track in predicted
    )


def _tabulate(seconds: Sequence[ActionSeconds], actions: Sequence[str]) -> Int64:
    return tabulate_answers(
        [action for one in seconds for action in one.truth],
        [action for one in seconds for action in one.predicted],
        actions,
    )
