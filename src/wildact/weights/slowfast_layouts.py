"""The public layouts of SlowFast weights, turned into the names of wildact's own network.

PyTorchVideo, PySlowFast and, before them, Caffe2 name the same tensors differently; all of them take RGB. A
layout is a table from a library's modules to ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from wildact.errors import WeightsError


class _Layout(NamedTuple):
    """How a library names the tensors of SlowFast.

    Attributes:
        mark: a name that no other layout has.
        separator: what stands between the name of a module and that of its tensor.
        shift: what is added to its numbers of stages: ours begin at 1 with the stem.
        modules: pattern of its name of a module, to ours; see `_PATHWAYS` and `_PARTS`.
    """

    mark: str
    separator: str
    shift: int
    modules: dict[str, str]


_VIDEO = r"blocks\.(?P<stage>[1-4])\.multipathway_blocks\.(?P<pathway>[01])\.res_blocks\.(?P<block>\d+)\."

_PYTORCHVIDEO = _Layout(
    mark="blocks.0.multipathway_blocks.0.conv.weight",
    separator=".",
    shift=1,
    modules={
        r"blocks\.0\.multipathway_blocks\.(?P<pathway>[01])\.(?P<part>conv|norm)": "stem.{pathway}.{part}",
        r"blocks\.(?P<stage>[0-3])\.multipathway_fusion\.conv_fast_to_slow": "fuse{stage}.conv",
        r"blocks\.(?P<stage>[0-3])\.multipathway_fusion\.norm": "fuse{stage}.norm",
        _VIDEO + r"(?P<part>branch1_(conv|norm))": "res{stage}.{pathway}.{block}.{part}",
        _VIDEO + r"branch2\.(?P<part>(conv|norm)_[abc])": "res{stage}.{pathway}.{block}.{part}",
        r"blocks\.6\.proj": "fc",
    },
)

_SLOW = r"s(?P<stage>[2-5])\.pathway(?P<pathway>[01])_res(?P<block>\d+)\."

_PYSLOWFAST = _Layout(
    mark="s1.pathway0_stem.conv.weight",
    separator=".",
    shift=0,
    modules={
        r"s1\.pathway(?P<pathway>[01])_stem\.(?P<part>conv|bn)": "stem.{pathway}.{part}",
        r"s(?P<stage>[1-4])_fuse\.conv_f2s": "fuse{stage}.conv",
        r"s(?P<stage>[1-4])_fuse\.bn": "fuse{stage}.norm",
        _SLOW + r"(?P<part>branch1(_bn)?)": "res{stage}.{pathway}.{block}.{part}",
        _SLOW + r"branch2\.(?P<part>[abc](_bn)?)": "res{stage}.{pathway}.{block}.{part}",
        r"head\.projection": "fc",
    },
)

_CAFFE = r"(?P<pathway>t_)?res(?P<stage>[2-5])_(?P<block>\d+)_"

_CAFFE2 = _Layout(
    mark="conv1_w",
    separator="_",
    shift=0,
    modules={
        r"(?P<pathway>t_)?conv1": "stem.{pathway}.conv",
        r"(?P<pathway>t_)?res_conv1_bn": "stem.{pathway}.norm",
        r"t_pool1_subsample": "fuse1.conv",
        r"t_pool1_subsample_bn": "fuse1.norm",
        r"t_res(?P<stage>[2-4])_\d+_branch2c_bn_subsample": "fuse{stage}.conv",
        r"t_res(?P<stage>[2-4])_\d+_branch2c_bn_subsample_bn": "fuse{stage}.norm",
        _CAFFE + r"(?P<part>branch1(_bn)?)": "res{stage}.{pathway}.{block}.{part}",
        _CAFFE + r"branch2(?P<part>[abc](_bn)?)": "res{stage}.{pathway}.{block}.{part}",
        r"pred": "fc",
    },
)

_PATHWAYS = {"0": "slow", "1": "fast", "": "slow", "t_": "fast"}

_PARTS = {
    "bn": "norm",
    "branch1": "shortcut_conv",
    "branch1_conv": "shortcut_conv",
    "branch1_bn": "shortcut_norm",
    "branch1_norm": "shortcut_norm",
    "a": "conv_a",
    "a_bn": "norm_a",
    "b": "conv_b",
    "b_bn": "norm_b",
    "c": "conv_c",
    "c_bn": "norm_c",
}
"""Where a library's word for a part of a module differs from ours."""

_CAFFE2_TENSORS = {"w": "weight", "b": "bias", "s": "weight", "rm": "running_mean", "riv": "running_var"}
_CAFFE2_TRAINING = re.compile(r"lr|model_iter|.*momentum.*")
"""Blobs that only going on with the training would need."""


def convert_slowfast_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the tensors of any SlowFast as `wildact.recognize.slowfast.SlowFast` does.

    Args:
        state: of PyTorchVideo, PySlowFast (of either kind of network; prefixes ``module.`` and ``model.`` are
            taken off), Caffe2, or wildact itself, which is given back as it is.

    Returns:
        The same tensors. What Caffe2 leaves out is there: axes of length 1, and counts of batches, as 0.

    Raises:
        WeightsError: if the layout is none of these, a name has no place in it, or the statistics are of
            split batches.
    """
    state = {_strip(name): tensor for name, tensor in state.items()}
    if "stem.slow.conv.weight" in state:
        return state
    split = next((name for name in state if ".split_bn." in name or "bn.bn." in name), None)
    if split is not None:
        raise WeightsError(
            f"these SlowFast weights keep statistics of split batches ('{split}'): save them from PySlowFast "
            "as a checkpoint, which merges them"
        )
    layout = next((known for known in (_PYTORCHVIDEO, _PYSLOWFAST, _CAFFE2) if known.mark in state), None)
    if layout is None:
        raise WeightsError(
            "these are no SlowFast weights in a layout of PyTorchVideo, PySlowFast or Caffe2: "
            f"their first name is '{next(iter(state), '')}'"
        )
    converted: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if layout is _CAFFE2 and _CAFFE2_TRAINING.fullmatch(name):
            continue
        ours = _rename(name, layout)
        if ours is None or ours in converted:
            problem = "has no place in" if ours is None else "comes twice in"
            raise WeightsError(f"these are no SlowFast weights: '{name}' {problem} the network")
        converted[ours] = tensor
    return _complete(converted)


def _strip(name: str) -> str:
    """Without what wrappers of a network put before its names."""
    while name.startswith(("module.", "model.")):
        name = name.partition(".")[2]
    return name


def _rename(name: str, layout: _Layout) -> str | None:
    """Our name of a tensor, or None."""
    module, _, tensor = name.rpartition(layout.separator)
    tensor = _CAFFE2_TENSORS.get(tensor, "") if layout is _CAFFE2 else tensor
    for pattern, ours in layout.modules.items():
        match = re.fullmatch(pattern, module)
        if match is not None and tensor:
            words = {"stage": "0", "pathway": "", "part": "", "block": "", **match.groupdict(default="")}
            words["stage"] = str(int(words["stage"]) + layout.shift)
            words["pathway"] = _PATHWAYS[words["pathway"]]
            words["part"] = _PARTS.get(words["part"], words["part"])
            return f"{ours.format(**words)}.{tensor}"
    return None


def _complete(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give convolutions all five axes, and batch norms a count of batches: Caffe2 may store neither."""
    for name, tensor in list(state.items()):
        if "conv" in name and tensor.ndim < 5:
            state[name] = tensor.reshape(*tensor.shape, *[1] * (5 - tensor.ndim))
        if name.endswith(".running_mean"):
            state.setdefault(name.replace(".running_mean", ".num_batches_tracked"), torch.tensor(0))
    return state
