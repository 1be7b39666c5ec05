"""Train what looks at tracks as a whole: the trained clip network's scores of a track in, cross entropy out.

Reference: Farha & Gall 2019, MS-TCN, section 3.3 (frame-wise cross entropy).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional as F

from wildact.clip import cut_clips, frames_needed
from wildact.datasets import Dataset
from wildact.labels import LabelledVideo
from wildact.pipeline import plan_tracks
from wildact.recipes import RecognitionRecipe
from wildact.recipes.schema import TrackContext
from wildact.recognize import Recognizer, predict_actions
from wildact.recognize.context import describe_movement, split_track
from wildact.train.recognition import find_videos
from wildact.train.schedule import count_iterations
from wildact.train.visits import Blocks, read_frames
from wildact.types import ActionScores, Float32, Float64, Int64, Track
from wildact.weights import WeightCard

Sample = tuple[Tensor, Tensor, Tensor]

UNKNOWN = -1
"""Label of a moment at which nobody said what the animal does."""


def build_blocks(
    dataset: Dataset, recipe: RecognitionRecipe, context: TrackContext, model: nn.Module, card: WeightCard
) -> Blocks[Sample]:
    """All the samples that the recipe trains on.

    Args:
        dataset: of labelled videos.
        recipe: of the training.
        context: its section.
        model: of which the clip network scores the clips, as it is now.
        card: of the model.
    """
    videos = find_videos(dataset)
    return Blocks(
        videos,
        TrackDrawer(Recognizer.from_model(copy.deepcopy(model), card), context),
        seed=recipe.seed,
        batch_size=recipe.optimizer.batch_size,
        samples_per_visit=context.tracks_per_video,
        iterations=count_iterations(recipe, len(videos), context.tracks_per_video),
    )


@dataclass(frozen=True)
class ScoredTrack:
    """A track of which the clip network has scored the clips.

    Attributes:
        track: annotated.
        times_s: (F,) seconds of all frames of the video.
        height: of the frames, pixels.
        moments: (N,) seconds.
        scores: (N, C) at these moments.
        labels: (N,) actions at these moments, or `UNKNOWN`.
    """

    track: Track
    times_s: Float64
    height: int
    moments: Float64
    scores: Float32
    labels: Int64


@dataclass(frozen=True)
class TrackDrawer:
    """Draws tracks of a video; each video is decoded, and its clips are scored, at its first visit only.

    Attributes:
        recognizer: scores the clips; on the CPU.
        settings: of the recipe.
        seen: tracks of each video that was visited, by its path.
    """

    recognizer: Recognizer
    settings: TrackContext
    seen: dict[str, list[ScoredTrack]] = field(default_factory=dict)

    def __call__(self, video: LabelledVideo, rng: Generator) -> list[Sample]:
        """Tracks of one video.

        Returns:
            (N, C) float32 scores, (N, M) float32 movement and (N,) int64 labels of each.
        """
        key = str(video.info.path)
        if key not in self.seen:
            self.seen[key] = score_video(video, self.recognizer, self.settings.hop_s)
        tracks = self.seen[key]
        order = rng.permutation(len(tracks))[: self.settings.tracks_per_video]
        return [self._draw(tracks[k], rng) for k in order]

    def _draw(self, scored: ScoredTrack, rng: Generator) -> Sample:
        """Boxes of a detector are less steady than annotated ones."""
        boxes = scored.track.boxes
        noise = rng.normal(0, self.settings.box_noise * rng.random(), boxes.shape)
        shifted = boxes + noise * np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        shifted[:, 2:] = np.maximum(shifted[:, 2:], shifted[:, :2] + 1)
        track = replace(scored.track, boxes=shifted.astype(np.float32))
        movement = describe_movement(track, scored.times_s, scored.moments, scored.height)
        return torch.from_numpy(scored.scores), torch.from_numpy(movement), torch.from_numpy(scored.labels)


def score_video(video: LabelledVideo, recognizer: Recognizer, hop_s: float) -> list[ScoredTrack]:
    """The annotated tracks of a video with labelled actions; none where it cannot be decoded to their end."""
    times_s = video.times_s
    labelled = {label.track_id for label in video.actions}
    tracks = {t.track_id: t for t in video.tracks if t.track_id in labelled and not t.crowd}
    plans = plan_tracks(tracks.values(), times_s, recognizer, hop_s=hop_s)
    needed = frames_needed(plans)
    frames = read_frames(video, needed)
    if len(frames) < len(needed):
        return []
    clips = cut_clips(plans, (frames[index] for index in sorted(frames)), size=recognizer.size)
    return [
        _label(video, tracks[scores.track_id], scores, recognizer.classes, times_s)
        for scores in predict_actions(recognizer, clips, mirrored=True)
    ]


def _label(
    video: LabelledVideo, track: Track, scores: ActionScores, actions: Sequence[str], times_s: Float64
) -> ScoredTrack:
    moments, at_moments = split_track(scores, track, times_s)
    frames = moments * float(video.info.fps)
    labels = np.full(len(moments), UNKNOWN, np.int64)
    for label in video.actions:
        if label.track_id == track.track_id:
            labels[(frames >= label.start_frame) & (frames < label.end_frame)] = actions.index(label.action)
    return ScoredTrack(track, times_s, video.info.height, moments, at_moments, labels)


def compute_losses(model: nn.Module, batch: Sequence[Sample], recipe: RecognitionRecipe) -> dict[str, Tensor]:
    """Cross entropy of all labelled moments; ``accuracy`` beside it is for the log."""
    context = model.get_submodule("track_context")
    device = next(context.parameters()).device
    logits = torch.cat([context(scores.to(device), movement.to(device)) for scores, movement, _ in batch])
    labels = torch.cat([labels for _, _, labels in batch]).to(device)
    known = labels != UNKNOWN
    # the sum, not the mean: of a batch without a label that would be no number
    total = F.cross_entropy(
        logits, labels, ignore_index=UNKNOWN, label_smoothing=recipe.label_smoothing, reduction="sum"
    )
    right = (logits.detach().argmax(dim=1) == labels) & known
    count = known.sum().clamp_min(1)
    return {"loss_action": total / count, "accuracy": right.sum() / count}
