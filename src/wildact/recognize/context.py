"""What an animal does, told from the whole of its track: what it did before and after, and how it moved.

A clip shows a second, and follows the animal: how fast that goes is hardly to be seen in it, whether it lies
down or stoops often neither. Its boxes tell the one, and the seconds around it the other. A small network
looks at both, and corrects the scores of the clips.

Reference:
    Farha & Gall 2019, MS-TCN: dilated convolutions over time refine scores of single moments.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wildact.recognize.bouts import LEAST_PROBABLE, score_timeline
from wildact.types import ActionScores, Float32, Float64, Track

STEP_S = 0.5
"""Seconds from one moment that is judged to the next."""

DILATIONS = (1, 2, 4)
"""Of the convolutions, in steps: together they see three and a half seconds before and after."""

USUAL = {  # means and spreads on simulated tracks, by which `describe_movement` scales
    "sideways": (0.7, 1.0),
    "down": (0.0, 0.4),
    "growth": (0.0, 0.5),
    "sideways_1s": (0.7, 1.0),
    "down_1s": (0.0, 0.3),
    "growth_1s": (0.0, 0.4),
    "way_sideways": (0.7, 1.0),
    "way_down": (0.2, 0.4),
    "height_to_width": (-0.3, 0.5),
    "width_to_widest": (-0.6, 0.6),
    "height_to_highest": (-0.35, 0.3),
    "height_to_frame": (-1.7, 0.5),
}
LARGEST = 4.0
"""Spreads from the mean beyond which a box has jumped to another part of the animal, and says no more."""


class TrackContext(nn.Module):
    """Scores of clips and movement of boxes through convolutions over time; what they add to the scores."""

    def __init__(self, num_classes: int, *, width: int = 64, dropout: float = 0.4) -> None:
        """Untrained: it adds nothing.

        Args:
            num_classes: C, actions.
            width: channels.
            dropout: of what it sees, and of the first layer.
        """
        super().__init__()
        self.first = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(num_classes + len(USUAL), width), nn.ReLU(), nn.Dropout(dropout)
        )
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation) for dilation in DILATIONS
        )
        self.last = nn.Linear(width, num_classes)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, scores: Tensor, movement: Tensor) -> Tensor:
        """Logits of one track.

        Args:
            scores: (N, C) probabilities at N moments, `STEP_S` apart.
            movement: (N, M) of `describe_movement`.

        Returns:
            (N, C).
        """
        logits = scores.clamp_min(LEAST_PROBABLE).log()
        x = self.first(torch.cat([logits, movement], dim=1)).T[None]
        for layer in self.layers:
            x = x + F.relu(layer(x))
        corrected: Tensor = logits + self.last(x[0].T)
        return corrected


def describe_movement(track: Track, times_s: Float64, moments_s: Float64, height: int) -> Float32:
    """How an animal's box moves and changes, in the animal's own size.

    Args:
        track: may have gaps.
        times_s: (F,) seconds of all frames of the video.
        moments_s: (N,) seconds.
        height: of the frames, pixels.

    Returns:
        (N, M) float32, M as in `USUAL`, of which the means were taken off and the spreads made 1: speed to a
        side, down, and of growth, in sizes per second, within half a second and a second around each moment;
        sizes gone sideways, up and down within that second; and logarithms of the height as a share of the
        width, of width and height as shares of the largest of the track, and of the height as a share of the
        frame's.
    """
    at_s = times_s[track.frames]
    middles = (track.boxes[:, :2] + track.boxes[:, 2:]) / 2
    sides = np.log(np.maximum(track.boxes[:, 2:] - track.boxes[:, :2], 1.0))
    series = np.concatenate([middles, sides], axis=1).T.astype(np.float64)

    def at(moments: Float64) -> Float64:
        return np.stack([np.interp(moments, at_s, row) for row in series])

    _, _, width, tall = at(moments_s)
    size = np.exp((width + tall) / 2)
    columns = []
    for half_s in (0.25, 0.5):
        x, y, w, h = (at(moments_s + half_s) - at(moments_s - half_s)) / (2 * half_s)
        columns += [np.abs(x) / size, y / size, (w + h) / 2]
    path = np.stack([at(moments_s + k / 8)[:2] for k in range(-4, 5)])
    columns += list(np.abs(np.diff(path, axis=0)).sum(axis=0) / size)
    columns += [tall - width, width - series[2].max(), tall - series[3].max(), tall - np.log(height)]
    mean, spread = np.array(list(USUAL.values())).T
    scaled = (np.stack(columns, axis=1) - mean) / spread
    return np.asarray(np.clip(scaled, -LARGEST, LARGEST), np.float32)


def split_track(actions: ActionScores, track: Track, times_s: Float64) -> tuple[Float64, Float32]:
    """Moments of a track, about `STEP_S` apart, and what its clips say of them.

    Args:
        actions: the scores of its clips, at least one.
        track: the animal.
        times_s: (F,) seconds of all frames of the video.

    Returns:
        (N,) float64 seconds and (N, C) float32 probabilities.
    """
    start_s, end_s = (float(times_s[frame]) for frame in track.frames[[0, -1]])
    starts, scores = score_timeline(actions, start_s, end_s, step_s=STEP_S)
    return np.asarray(starts + (end_s - start_s) / len(starts) / 2), scores


def add_context(
    context: TrackContext, actions: ActionScores, track: Track, times_s: Float64, height: int
) -> ActionScores:
    """Correct the scores of a track's clips by what is seen of the whole track.

    Args:
        context: trained on scores of the same network, in evaluation mode.
        actions: of the track's clips, at least one.
        track: the animal.
        times_s: (F,) seconds of all frames of the video.
        height: of the frames, pixels.

    Returns:
        Scores of moments about `STEP_S` apart, each of which stands for as long before and after it.
    """
    moments, scores = split_track(actions, track, times_s)
    movement = describe_movement(track, times_s, moments, height)
    return ActionScores(
        track_id=actions.track_id,
        classes=actions.classes,
        start_s=moments - STEP_S,
        end_s=moments + STEP_S,
        scores=correct_scores(context, scores, movement),
    )


def correct_scores(context: TrackContext, scores: Float32, movement: Float32) -> Float32:
    """Corrected probabilities of a track's moments; all as `TrackContext` takes them.

    Args:
        context: in evaluation mode.
        scores: (N, C) float32.
        movement: (N, M) float32.

    Returns:
        (N, C) float32.
    """
    device = context.last.weight.device
    with torch.inference_mode():
        logits = context(torch.from_numpy(scores).to(device), torch.from_numpy(movement).to(device))
    return np.asarray(logits.softmax(dim=1).cpu().numpy(), np.float32)
