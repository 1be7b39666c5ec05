"""Train a linear probe: statistics of frozen features in, cross entropy out.

The statistics are computed once, kept in the run folder, one file for each video, and read again when the
training is resumed or repeated with other settings of the optimizer.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from wildact.atomic import replacing
from wildact.clip import ClipPlan, plan_clips_at, sample_windows
from wildact.datasets import Dataset
from wildact.errors import DatasetError, VideoError
from wildact.labels import LabelledVideo
from wildact.recipes import RecognitionRecipe
from wildact.recipes.schema import Probe, RecognitionData
from wildact.recognize import Lite0Probe, normalize_clips
from wildact.train.recognition import classify_losses, cut_decodable, find_moments, find_videos
from wildact.train.schedule import count_iterations
from wildact.train.visits import Blocks
from wildact.types import Float32

Sample = tuple[Tensor, int]

FEATURES = "features"
"""Name of the folder for the statistics, in the run folder."""

_logger = logging.getLogger(__name__)


def build_blocks(
    dataset: Dataset, recipe: RecognitionRecipe, probe: Probe, model: Lite0Probe, folder: Path
) -> Blocks[Sample]:
    """Compute the statistics of all clips, scale the model by them, and return the samples.

    Args:
        dataset: labelled videos.
        recipe: of the training.
        probe: its section.
        model: its body is used as it is; the scale of its statistics is set.
        folder: of the run.

    Raises:
        DatasetError: if no video with a labelled action can be decoded.
    """
    samples: dict[str, list[Sample]] = {}
    videos = find_videos(dataset)
    body = hash_weights(model)
    for video in videos:
        found = compute_samples(video, model, body, dataset.actions, recipe.data, probe, folder / FEATURES)
        if found:
            samples[str(video.info.path)] = found
    if not samples:
        raise DatasetError(f"{dataset.root}: no video with a labelled action can be decoded.")
    model.standardize(torch.stack([features for one in samples.values() for features, _ in one]))
    videos = [video for video in videos if str(video.info.path) in samples]
    return Blocks(
        videos,
        SampleDrawer(samples, recipe.data.clips_per_video),
        seed=recipe.seed,
        batch_size=recipe.optimizer.batch_size,
        samples_per_visit=recipe.data.clips_per_video,
        iterations=count_iterations(recipe, len(videos), recipe.data.clips_per_video),
    )


@dataclass(frozen=True)
class SampleDrawer:
    """Draws samples of a video.

    Attributes:
        samples: of each video, by its path.
        count: how many are drawn at a visit.
    """

    samples: Mapping[str, Sequence[Sample]]
    count: int

    def __call__(self, video: LabelledVideo, rng: Generator) -> list[Sample]:
        """Return random samples of one video."""
        own = self.samples[str(video.info.path)]
        return [own[k] for k in rng.integers(0, len(own), self.count)]


def compute_samples(
    video: LabelledVideo,
    model: Lite0Probe,
    body: str,
    actions: Sequence[str],
    data: RecognitionData,
    probe: Probe,
    folder: Path,
) -> list[Sample]:
    """Return statistics and action of the clips of a video; none where it cannot be decoded.

    Args:
        video: with labelled actions.
        model: computes the statistics.
        body: of `hash_weights`.
        actions: of the data set.
        data: the recipe's section on clips.
        probe: the recipe's section on the probe.
        folder: where statistics are kept.
    """
    plans, labels = plan_bouts(video, data, probe)
    path = folder / f"{_hash_clips(video, plans, body, data, probe)}.npy"
    statistics = _read(path)
    if statistics is None:
        try:
            statistics = _compute(video, plans, model, data, mirrored=probe.mirrored)
        except (VideoError, DatasetError) as error:
            _logger.warning("%s is left out: %s", video.info.path, error)
            return []
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part, part.open("wb") as file:
            np.save(file, statistics)
    views = torch.from_numpy(statistics).flatten(0, 1)
    copies = statistics.shape[1]
    return [(views[i], actions.index(labels[i // copies])) for i in range(len(views))]


def plan_bouts(video: LabelledVideo, data: RecognitionData, probe: Probe) -> tuple[list[ClipPlan], list[str]]:
    """Plan clips that slide over each labelled bout, and return them with their actions."""
    times_s = video.times_s
    plans: list[ClipPlan] = []
    actions = []
    for moments in find_moments(video):
        start_s = float(times_s[moments.frames[0]])
        end_s = float(times_s[moments.frames[-1]]) + 1 / float(video.info.fps)
        windows = sample_windows(start_s, end_s, clip_s=data.num_frames / data.rate, hop_s=probe.hop_s)
        plans += plan_clips_at(
            moments.track,
            times_s,
            windows[:, 0],
            num_frames=data.num_frames,
            rate=data.rate,
            context=data.context,
            own_aspect=data.aspect == "own",
        )
        actions += [moments.action] * len(windows)
    return plans, actions


def _compute(
    video: LabelledVideo,
    plans: Sequence[ClipPlan],
    model: Lite0Probe,
    data: RecognitionData,
    *,
    mirrored: bool,
) -> Float32:
    """(K, V, 3 C) statistics of K clips in V views: as they are and, if ``mirrored``, mirrored."""
    numbered = [ClipPlan(i, p.start_s, p.end_s, p.frames, p.squares, p.aspect) for i, p in enumerate(plans)]
    clips = {clip.track_id: clip.images for clip in cut_decodable(video, numbered, size=data.size)}
    if len(clips) < len(plans):
        raise DatasetError("not all frames of its bouts can be decoded.")
    device = model.fc.weight.device
    rows = []
    for number in range(len(plans)):
        shown = normalize_clips(torch.from_numpy(clips[number])[None].to(device), data.mean, data.std)
        views = [shown, shown.flip(-1)] if mirrored else [shown]
        with torch.inference_mode():
            rows.append(torch.cat([model.describe(view) for view in views]).cpu().numpy())
    return np.stack(rows).astype(np.float32)


def _read(path: Path) -> Float32 | None:
    """Statistics that were kept; None where there are none."""
    try:
        statistics: Float32 = np.load(path, allow_pickle=False)
    except (OSError, ValueError):  # not there, or damaged: computed again
        return None
    return statistics


def hash_weights(model: Lite0Probe) -> str:
    """Return a checksum of the weights that make the features."""
    digest = hashlib.sha256()
    made_by = {**model.body.state_dict(), **model.conv_head.state_dict(prefix="conv_head.")}
    for name, tensor in made_by.items():
        digest.update(name.encode())
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def _hash_clips(
    video: LabelledVideo, plans: Sequence[ClipPlan], body: str, data: RecognitionData, probe: Probe
) -> str:
    """Everything that the statistics of a video depend on; its labels only as far as they place clips."""
    path = video.info.path
    facts = path.stat() if path.is_file() else None
    seen = [
        [plan.frames.tolist(), np.round(plan.squares, 2).tolist(), round(plan.aspect, 4)] for plan in plans
    ]
    made_of = [
        path.name, facts and [facts.st_size, facts.st_mtime_ns], seen, body,
        data.size, data.mean, data.std, probe.mirrored,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]


def compute_losses(
    model: Lite0Probe, batch: Sequence[Sample], recipe: RecognitionRecipe
) -> dict[str, Tensor]:
    """Cross entropy of statistics, see `wildact.train.recognition.classify_losses`."""
    statistics = torch.stack([features for features, _ in batch]).to(model.fc.weight.device)
    return classify_losses(model.classify(statistics), batch, recipe)
