"""Run an action network on clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from wildact.recognize.preprocess import normalize_clips, to_channels_last
from wildact.types import ActionScores, Clip, Float32
from wildact.weights import WeightCard


@dataclass(frozen=True, slots=True)
class Recognizer:
    """An action network with its weights, and what it wants to see.

    Attributes:
        model: takes (N, 3, T, S, S) and gives (N, C) logits; in evaluation mode.
        card: of the weights.
        num_frames: T.
        rate: frames per second of a clip.
        size: S, pixels; crops of their own aspect have about as many pixels.
        own_aspect: crops have the proportions of the animal's box; else they are squares.
        context: side of a crop as a multiple of the animal's size.
        mean: of each channel in [0, 1].
        std: of each channel.
        device: where it runs.
    """

    model: nn.Module
    card: WeightCard
    num_frames: int
    rate: float
    size: int
    own_aspect: bool
    context: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: torch.device

    @classmethod
    def from_model(cls, model: nn.Module, card: WeightCard, *, device: str = "cpu") -> Recognizer:
        """Put a network into evaluation mode on a device; what it wants to see is on its card."""
        model.eval().requires_grad_(False)
        model = to_channels_last(model.to(torch.device(device)))
        wants = card.preprocessing
        return cls(
            model,
            card,
            num_frames=int(wants["num_frames"]),
            rate=float(wants["rate"]),
            size=int(wants["size"]),
            own_aspect=wants.get("aspect") == "own",
            context=float(wants["context"]),
            mean=tuple(wants["mean"]),
            std=tuple(wants["std"]),
            device=torch.device(device),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the actions."""
        return self.card.classes

    @property
    def clip_s(self) -> float:
        """Seconds that one clip stands for."""
        return self.num_frames / self.rate


def predict_actions(
    recognizer: Recognizer, clips: Iterable[Clip], *, batch_size: int = 8, mirrored: bool = False
) -> tuple[ActionScores, ...]:
    """Score the clips of any number of tracks.

    Args:
        recognizer: see `load_recognizer`.
        clips: in any order; held ``batch_size`` at a time.
        batch_size: clips per pass through the network.
        mirrored: each clip is also shown as its mirror image, and the mean of both answers counts.

    Returns:
        One `ActionScores` per track that has a clip, by track id; clips in order of time.
    """
    rows: dict[int, list[tuple[float, float, Float32]]] = defaultdict(list)
    for batch in _batches(clips, batch_size):
        images = torch.from_numpy(np.stack([clip.images for clip in batch])).to(recognizer.device)
        with torch.inference_mode():
            shown = normalize_clips(images, recognizer.mean, recognizer.std)
            views = [shown, shown.flip(-1)] if mirrored else [shown]
            answers = [recognizer.model(view).float().softmax(dim=1) for view in views]
            probabilities = torch.stack(answers).mean(dim=0).cpu().numpy()
        for clip, scores in zip(batch, probabilities, strict=True):
            rows[clip.track_id].append((clip.start_s, clip.end_s, scores))
    return tuple(_to_scores(track_id, rows[track_id], recognizer.classes) for track_id in sorted(rows))


def _batches(clips: Iterable[Clip], size: int) -> Iterator[list[Clip]]:
    """Yield up to ``size`` clips at a time, all of one shape."""
    batch: list[Clip] = []
    for clip in clips:
        if batch and (len(batch) == size or clip.images.shape != batch[0].images.shape):
            yield batch
            batch = []
        batch.append(clip)
    if batch:
        yield batch


def _to_scores(
    track_id: int, rows: list[tuple[float, float, Float32]], classes: tuple[str, ...]
) -> ActionScores:
    rows = sorted(rows, key=lambda row: row[0])
    return ActionScores(
        track_id=track_id,
        classes=classes,
        start_s=np.array([row[0] for row in rows], np.float64),
        end_s=np.array([row[1] for row in rows], np.float64),
        scores=np.stack([row[2] for row in rows]).astype(np.float32),
    )
