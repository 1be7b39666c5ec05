"""Train an action network: clips cut around labelled tracks in, cross entropy out.

Reference: Schindler & Steinhage 2021, section 4.4.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional as F

from wildact.clip import ClipPlan, cut_clips, frames_needed, plan_clips_at
from wildact.datasets import Dataset
from wildact.errors import DatasetError
from wildact.labels import LabelledVideo
from wildact.recipes import RecognitionRecipe
from wildact.recipes.schema import RecognitionData
from wildact.recognize import normalize_clips
from wildact.train.augment import apply_look, draw_look
from wildact.train.schedule import count_iterations
from wildact.train.visits import Blocks, read_frames
from wildact.types import Clip, Float64, Image, Int64, Track

Sample = tuple[Tensor, int]

MIN_HEIGHT_PX = 16
"""Of an animal that is lower, or hidden, nobody could tell what it does: no clip has its middle there."""


def build_blocks(dataset: Dataset, recipe: RecognitionRecipe) -> Blocks[Sample]:
    """All the samples that the recipe trains on."""
    videos = find_videos(dataset)
    draw = partial(
        draw_clips,
        actions=dataset.actions,
        weights=action_weights(videos, balanced=recipe.data.balanced),
        data=recipe.data,
    )
    return Blocks(
        videos,
        draw,
        seed=recipe.seed,
        batch_size=recipe.optimizer.batch_size,
        samples_per_visit=recipe.data.clips_per_video,
        iterations=count_iterations(recipe, len(videos), recipe.data.clips_per_video),
    )


def find_videos(dataset: Dataset) -> list[LabelledVideo]:
    """The videos with labelled actions.

    Raises:
        DatasetError: if there are none.
    """
    videos = [video for video in dataset.videos if find_moments(video)]
    if not videos:
        raise DatasetError(f"{dataset.root} holds no animal with a labelled action to train on.")
    return videos


def action_weights(videos: Sequence[LabelledVideo], *, balanced: bool) -> Mapping[str, float]:
    """Weight per labelled second of each action: equal, or such that all actions weigh the same in all."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for video in videos:
        for label in video.actions:
            seconds[label.action] += float((label.end_frame - label.start_frame) / video.info.fps)
    return {action: 1 / total if balanced else 1.0 for action, total in seconds.items()}


def draw_clips(
    video: LabelledVideo,
    rng: Generator,
    *,
    actions: Sequence[str],
    weights: Mapping[str, float],
    data: RecognitionData,
) -> list[Sample]:
    """Draw clips of one video. The action at a clip's middle is its label.

    Returns:
        (T, S, S, 3) uint8 tensors with the index of their action; fewer where frames cannot be decoded.
    """
    times_s = video.times_s
    moments = find_moments(video)
    chances = np.array([weights[moment.action] * len(moment.frames) for moment in moments])
    plans: list[ClipPlan] = []
    labels: list[int] = []
    for k in rng.choice(len(moments), data.clips_per_video, p=chances / chances.sum()):
        plan = _plan(moments[k], times_s, rng, data)
        plans.append(replace(plan, track_id=len(plans)))  # the plan's number tells its clip apart
        labels.append(actions.index(moments[k].action))
    clips = {clip.track_id: clip.images for clip in cut_decodable(video, plans, size=data.size)}
    return [(torch.from_numpy(_change(clips[i], rng, data)), labels[i]) for i in sorted(clips)]


def cut_decodable(video: LabelledVideo, plans: Sequence[ClipPlan], *, size: int) -> list[Clip]:
    """As `wildact.clip.cut_clips`; clips of which a frame cannot be decoded are left out."""
    frames = read_frames(video, frames_needed(plans))
    whole = [plan for plan in plans if frames.keys() >= {*plan.frames.tolist()}]
    return list(cut_clips(whole, (frames[index] for index in sorted(frames)), size=size))


@dataclass(frozen=True, slots=True)
class Moments:
    """The frames on which an animal is seen doing one action.

    Attributes:
        track: of the animal.
        action: what it does.
        frames: (N,) int64, N >= 1.
    """

    track: Track
    action: str
    frames: Int64


def find_moments(video: LabelledVideo) -> list[Moments]:
    """The stretches of a video in which an animal that is seen does one thing."""
    tracks = {track.track_id: track for track in video.tracks if not track.crowd}
    found = []
    for label in video.actions:
        if (track := tracks.get(label.track_id)) is None:
            continue
        seen = track.frames[track.boxes[:, 3] - track.boxes[:, 1] >= MIN_HEIGHT_PX]
        frames = seen[(seen >= label.start_frame) & (seen < label.end_frame)]
        if len(frames):
            found.append(Moments(track, label.action, frames))
    return found


def _plan(moments: Moments, times_s: Float64, rng: Generator, data: RecognitionData) -> ClipPlan:
    """A clip whose middle lies at a random one of the moments, cut around jittered boxes.

    Each border moves by itself: a detector often misses a part of an animal, such as what lies behind a tree.
    """
    track, middle_s = moments.track, times_s[rng.choice(moments.frames)]
    rate = data.rate * (1 + rng.uniform(-data.rate_jitter, data.rate_jitter))
    size = track.boxes[:, 2:] - track.boxes[:, :2]
    shift = rng.uniform(-data.box_jitter, data.box_jitter, 4) * np.tile(size, 2)
    jittered = replace(track, boxes=(track.boxes + shift).astype(np.float32))
    (plan,) = plan_clips_at(
        jittered,
        times_s,
        np.array([middle_s - data.num_frames / rate / 2]),
        num_frames=data.num_frames,
        rate=rate,
        context=data.context,
    )
    return plan


def _change(images: Image, rng: Generator, data: RecognitionData) -> Image:
    look = draw_look(
        rng, grayscale=data.grayscale, brightness=data.brightness, blur=data.blur, noise=data.noise
    )
    images = apply_look(images, look, rng)
    return np.ascontiguousarray(images[:, :, ::-1] if rng.random() < data.flip else images)


def compute_losses(model: nn.Module, batch: Sequence[Sample], recipe: RecognitionRecipe) -> dict[str, Tensor]:
    """Cross entropy of clips, see `classify_losses`."""
    device = next(model.parameters()).device
    clips = torch.stack([images for images, _ in batch]).to(device)
    logits = model(normalize_clips(clips, recipe.data.mean, recipe.data.std))
    return classify_losses(logits, batch, recipe)


def classify_losses(logits: Tensor, batch: Sequence[Sample], recipe: RecognitionRecipe) -> dict[str, Tensor]:
    """Cross entropy of (N, C) logits; ``accuracy`` is for the log and carries no gradient."""
    labels = torch.tensor([label for _, label in batch], device=logits.device)
    accuracy = (logits.detach().argmax(dim=1) == labels).float().mean()
    return {
        "loss_action": F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing),
        "accuracy": accuracy,
    }
