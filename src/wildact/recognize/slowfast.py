"""SlowFast: a slow pathway sees what is there, a fast and light one how it moves, and tells the slow one.

Stages are named as in the paper's tables (stem, res2 ... res5), which published weights can be laid beside:
see `wildact.weights.slowfast_layouts`.

Reference:
    Feichtenhofer, Fan, Malik & He 2019, SlowFast Networks for Video Recognition, section 3 and table 1;
    Schindler & Steinhage 2021, section 4.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wildact.errors import UsageError

EXPANSION = 4  # a block's output is four times as wide as its inside
FUSED = 2  # the fast pathway's channels are doubled on their way into the slow one
STRIDE = 32  # pixels to a cell of res5
SLOW_KERNELS = {2: 1, 3: 1, 4: 3, 5: 3}  # in time: what small cells see has moved on by the next slow frame
FAST_KERNEL = 3


class SlowFast(nn.Module):
    """Two pathways of bottleneck blocks; before each stage the fast one is concatenated to the slow one.

    Args:
        num_classes: actions.
        num_frames: T, frames of a clip; the fast pathway sees them all.
        alpha: the slow pathway sees T / alpha of them.
        beta_inv: the slow pathway has so many channels for each of the fast one.
        fusion_kernel: length in time of the convolutions from fast to slow, odd.
        crop_size: S in training, pixels. The last cells are averaged in windows of S // 32 a side. Larger
            clips have several that overlap, whose logits are averaged: their middle counts most.
        dropout: before the last layer.
        width: channels of the slow stem, a multiple of ``beta_inv``.
        depths: blocks of res2 ... res5.

    Raises:
        UsageError: if these do not go together.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        num_frames: int = 16,
        alpha: int = 2,
        beta_inv: int = 8,
        fusion_kernel: int = 7,
        crop_size: int = 224,
        dropout: float = 0.5,
        width: int = 64,
        depths: Sequence[int] = (3, 4, 6, 3),
    ) -> None:
        super().__init__()
        _check_options(num_frames, alpha, beta_inv, fusion_kernel, crop_size, width, depths)
        self.num_frames, self.alpha, self.window = num_frames, alpha, crop_size // STRIDE
        fast = [_channels(stage, width) // beta_inv for stage in range(1, 6)]
        self.stem = Pathways(Stem(width, time_kernel=1), Stem(fast[0], time_kernel=5))
        self.fuse1 = Fusion(fast[0], fusion_kernel, alpha)
        self.res2 = _stage(2, width, beta_inv, depths[0])
        self.fuse2 = Fusion(fast[1], fusion_kernel, alpha)
        self.res3 = _stage(3, width, beta_inv, depths[1])
        self.fuse3 = Fusion(fast[2], fusion_kernel, alpha)
        self.res4 = _stage(4, width, beta_inv, depths[2])
        self.fuse4 = Fusion(fast[3], fusion_kernel, alpha)
        self.res5 = _stage(5, width, beta_inv, depths[3])
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(_channels(5, width) + fast[4], num_classes)
        _initialise(self)

    def forward(self, clips: Tensor | Sequence[Tensor]) -> Tensor:
        """Score clips.

        Args:
            clips: (N, 3, T, S, S) normalised, which `pack_pathways` splits; or what it gives, a pair of
                (N, 3, T / alpha, S, S) for the slow pathway and (N, 3, T, S, S) for the fast one.

        Returns:
            (N, num_classes) logits.

        Raises:
            UsageError: if the clips have another number of frames, or are smaller than those of training.
        """
        slow, fast = pack_pathways(clips, self.alpha) if isinstance(clips, Tensor) else clips
        self._check_clips(slow, fast)
        slow, fast = self.stem(slow, fast)
        slow, fast = self.res2(self.fuse1(slow, fast), fast)
        slow, fast = self.res3(self.fuse2(slow, fast), fast)
        slow, fast = self.res4(self.fuse3(slow, fast), fast)
        slow, fast = self.res5(self.fuse4(slow, fast), fast)
        windows = torch.cat([self._windows(slow), self._windows(fast)], dim=1)
        logits: Tensor = self.fc(self.dropout(windows.movedim(1, -1)))
        return logits.mean(dim=(1, 2, 3))

    def _windows(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C, 1, rows, columns): means over all frames and every window of cells."""
        return F.avg_pool3d(x, (x.shape[2], self.window, self.window), stride=1)

    def _check_clips(self, slow: Tensor, fast: Tensor) -> None:
        frames, wanted = (slow.shape[2], fast.shape[2]), (self.num_frames // self.alpha, self.num_frames)
        if frames != wanted:
            raise UsageError(
                f"this SlowFast wants clips of {wanted[1]} frames, {wanted[0]} of them for the slow pathway, "
                f"not {frames[1]} and {frames[0]}."
            )
        if -(-min(fast.shape[-2:]) // STRIDE) < self.window:
            raise UsageError(
                f"clips of {fast.shape[-1]} x {fast.shape[-2]} pixels are too small for a SlowFast of "
                f"crop_size {self.window * STRIDE}; build it with a smaller one."
            )


class Pathways(nn.Module):
    """The same step of both pathways, side by side."""

    def __init__(self, slow: nn.Module, fast: nn.Module) -> None:
        super().__init__()
        self.slow = slow
        self.fast = fast

    def forward(self, slow: Tensor, fast: Tensor) -> tuple[Tensor, Tensor]:
        """Each pathway by itself."""
        return self.slow(slow), self.fast(fast)


class Stem(nn.Module):
    """First convolution and pooling: a quarter of the height and width, all frames."""

    def __init__(self, channels: int, *, time_kernel: int) -> None:
        super().__init__()
        self.conv = _conv(3, channels, (time_kernel, 7, 7), stride=(1, 2, 2))
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, S, S) to (N, channels, T, S / 4, S / 4)."""
        return F.max_pool3d(F.relu(self.norm(self.conv(x))), (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))


class Fusion(nn.Module):
    """What the fast pathway has seen, brought to the slow one's frames and put behind its channels."""

    def __init__(self, fast_channels: int, kernel: int, alpha: int) -> None:
        super().__init__()
        self.conv = _conv(fast_channels, FUSED * fast_channels, (kernel, 1, 1), stride=(alpha, 1, 1))
        self.norm = nn.BatchNorm3d(FUSED * fast_channels)

    def forward(self, slow: Tensor, fast: Tensor) -> Tensor:
        """(N, C, T / alpha, H, W) and (N, D, T, H, W) to (N, C + 2 D, T / alpha, H, W)."""
        return torch.cat([slow, F.relu(self.norm(self.conv(fast)))], dim=1)


class Bottleneck(nn.Module):
    """A narrow inside between a convolution in time and one in space; the input is added to the result."""

    def __init__(self, inputs: int, inside: int, time_kernel: int, *, first: bool, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * inside
        self.conv_a = _conv(inputs, inside, (time_kernel, 1, 1))
        self.norm_a = nn.BatchNorm3d(inside)
        self.conv_b = _conv(inside, inside, (1, 3, 3), stride=(1, stride, stride))
        self.norm_b = nn.BatchNorm3d(inside)
        self.conv_c = _conv(inside, outputs, (1, 1, 1))
        self.norm_c = nn.BatchNorm3d(outputs)
        self.shortcut_conv: nn.Module = nn.Identity()
        self.shortcut_norm: nn.Module = nn.Identity()
        if first:
            self.shortcut_conv = _conv(inputs, outputs, (1, 1, 1), stride=(1, stride, stride))
            self.shortcut_norm = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) to (N, 4 inside, T, H / stride, W / stride)."""
        y = F.relu(self.norm_a(self.conv_a(x)))
        y = F.relu(self.norm_b(self.conv_b(y)))
        return F.relu(self.shortcut_norm(self.shortcut_conv(x)) + self.norm_c(self.conv_c(y)))


def _conv(
    inputs: int, outputs: int, kernel: tuple[int, int, int], *, stride: tuple[int, int, int] = (1, 1, 1)
) -> nn.Conv3d:
    t, h, w = kernel
    return nn.Conv3d(inputs, outputs, kernel, stride, padding=(t // 2, h // 2, w // 2), bias=False)


def _channels(stage: int, width: int) -> int:
    """Channels that leave the slow pathway's stem (1) or res2 ... res5."""
    return width if stage == 1 else EXPANSION * width * 2 ** (stage - 2)


def _stage(stage: int, width: int, beta_inv: int, depth: int) -> Pathways:
    """One of res2 ... res5."""
    inside, before = width * 2 ** (stage - 2), _channels(stage - 1, width)
    stride = 1 if stage == 2 else 2
    slow_inputs = before + FUSED * (before // beta_inv)
    return Pathways(
        _blocks(slow_inputs, inside, SLOW_KERNELS[stage], depth, stride),
        _blocks(before // beta_inv, inside // beta_inv, FAST_KERNEL, depth, stride),
    )


def _blocks(inputs: int, inside: int, time_kernel: int, depth: int, stride: int) -> nn.Sequential:
    first = Bottleneck(inputs, inside, time_kernel, first=True, stride=stride)
    others = (
        Bottleneck(EXPANSION * inside, inside, time_kernel, first=False, stride=1) for _ in range(depth - 1)
    )
    return nn.Sequential(first, *others)


def _initialise(model: nn.Module) -> None:
    """As published: each block begins as its shortcut alone, since its last batch norm gives 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, Bottleneck):
            nn.init.zeros_(module.norm_c.weight)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


def _check_options(
    num_frames: int,
    alpha: int,
    beta_inv: int,
    fusion_kernel: int,
    crop_size: int,
    width: int,
    depths: Sequence[int],
) -> None:
    if min(num_frames, alpha, beta_inv, fusion_kernel, width) < 1:
        raise UsageError("a SlowFast's num_frames, alpha, beta_inv, fusion_kernel and width are at least 1.")
    if num_frames % alpha:
        raise UsageError(f"a SlowFast's num_frames ({num_frames}) must be divisible by its alpha ({alpha}).")
    if width % beta_inv:
        raise UsageError(f"a SlowFast's width ({width}) must be divisible by its beta_inv ({beta_inv}).")
    if fusion_kernel % 2 == 0:
        raise UsageError(f"a SlowFast's fusion_kernel must be odd, not {fusion_kernel}.")
    if crop_size < STRIDE:
        raise UsageError(f"a SlowFast's crop_size must be at least {STRIDE} pixels, not {crop_size}.")
    if len(depths) != 4 or min(depths) < 1:
        raise UsageError(f"a SlowFast's depths are four numbers from 1 up, not {list(depths)}.")


def pack_pathways(clips: Tensor, alpha: int) -> list[Tensor]:
    """Choose the slow pathway's frames out of a clip, evenly and with both ends: not every alpha-th.

    Args:
        clips: (N, C, T, H, W).
        alpha: one frame in so many is for the slow pathway.

    Returns:
        (N, C, T / alpha, H, W), the frames at floor(linspace(0, T - 1, T / alpha)); and ``clips``.

    Raises:
        UsageError: if T is not divisible by ``alpha``.
    """
    frames = clips.shape[2]
    count, rest = divmod(frames, alpha)
    if rest or not count:
        raise UsageError(f"clips for SlowFast must have a multiple of {alpha} frames, not {frames}.")
    chosen = [k * (frames - 1) // max(count - 1, 1) for k in range(count)]
    return [clips.index_select(2, torch.tensor(chosen, device=clips.device)), clips]


def build_slowfast_r50(num_classes: int, **options: Any) -> SlowFast:
    """Build SlowFast of 50 layers, by default with the 16 frames and alpha of 2 of Schindler & Steinhage.

    The published 8x8 network has ``num_frames`` 32 and ``alpha`` 4, and its weights fit the default one too;
    4x16 has 32, 8 and ``fusion_kernel`` 5. The one of 101 layers has ``depths`` 3, 4, 23, 3 and
    ``fusion_kernel`` 5.

    Args:
        num_classes: actions.
        **options: of `SlowFast`.
    """
    return SlowFast(num_classes, **options)
