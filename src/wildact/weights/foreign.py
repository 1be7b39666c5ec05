"""Weights files of other libraries, read as plain arrays: nothing in them is ever run.

PyTorch's files hold a state, or a checkpoint with a state under ``model_state``; Caffe2's are bare pickles of
NumPy arrays. A pickle may name any function to be called. Here it only ever gets stand-ins that note down
what an array is made of: even NumPy's own functions believe a pickle in what it says about memory.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wildact.errors import WeightsError

FOREIGN_SUFFIXES = (".pth", ".pt", ".pyth", ".pkl")

_NUMBERS = ("b1", "i1", "u1", "i2", "i4", "i8", "f2", "f4", "f8")
_ORDERS = ("<", ">", "|", "=")


def load_foreign_state(path: Path) -> dict[str, Tensor]:
    """The tensors of another library's weights file, named as they are there.

    Args:
        path: a ``.pth``, ``.pt`` or ``.pyth`` file of PyTorch: a state, or a checkpoint with one under
            ``model_state``, of which the rest is left out; or a ``.pkl`` file of Caffe2 with arrays under
            ``blobs``.

    Returns:
        Tensors on the CPU, of the type they have in the file.

    Raises:
        WeightsError: if the file is missing, damaged, no weights, or asks to run code.
    """
    if path.suffix not in FOREIGN_SUFFIXES:
        raise WeightsError(f"{path}: weights of other libraries are {', '.join(FOREIGN_SUFFIXES)} files")
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file")
    try:
        state = _load_blobs(path) if path.suffix == ".pkl" else _load_checkpoint(path)
    except Exception as error:  # a damaged or hostile pickle can raise anything
        reason = str(error).strip().split("\n", 1)[0]
        raise WeightsError(
            f"{path} is damaged, or holds more than plain tensors and is not loaded for safety ({reason})"
        ) from error
    if not isinstance(state, Mapping) or not state:
        raise WeightsError(f"{path} does not hold weights but a {type(state).__name__}")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise WeightsError(f"{path} does not hold weights alone: '{name}' is a {type(tensor).__name__}")
    return dict(state)


def _load_checkpoint(path: Path) -> Any:
    content = torch.load(path, map_location="cpu", weights_only=True)
    return content.get("model_state", content) if isinstance(content, Mapping) else content


def _load_blobs(path: Path) -> Any:
    with path.open("rb") as file:  # latin1: Caffe2's files were written by Python 2, whose strings are bytes
        content = _ArrayUnpickler(file, encoding="latin1").load()
    blobs = content.get("blobs") if isinstance(content, Mapping) else None
    if not isinstance(blobs, Mapping):
        return content
    return {name: _to_tensor(value) for name, value in blobs.items()}


def _to_tensor(value: Any) -> Any:
    """Arrays and numbers become tensors; anything else is left for the caller to refuse."""
    if isinstance(value, _Array):
        return torch.from_numpy(value.to_numpy())
    return torch.tensor(value) if isinstance(value, int | float) else value


class _Dtype:
    """Stands in for `numpy.dtype`: one kind of number, and the order of its bytes."""

    def __init__(self, name: str, *_: object) -> None:
        self.name = name
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]


class _Array:
    """Stands in for `numpy.ndarray`: shape, type and bytes, believed only when they go together."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state[-4:]  # after the version, which very old files do not have

    def to_numpy(self) -> np.ndarray[Any, Any]:
        """A writable copy, in this machine's order of bytes."""
        shape, dtype, fortran, data = self.state
        if not isinstance(dtype, _Dtype) or dtype.name not in _NUMBERS or dtype.order not in _ORDERS:
            raise pickle.UnpicklingError("it holds an array that is not of numbers")
        kind = np.dtype(dtype.order + dtype.name)
        flat = np.frombuffer(data.encode("latin1") if isinstance(data, str) else data, kind)
        return flat.reshape(shape, order="F" if fortran else "C").astype(kind.newbyteorder("="), order="C")


def _array_from(shape: Any, dtype: Any, fortran: Any, data: Any) -> _Array:
    array = _Array()
    array.state = (shape, dtype, fortran, data)
    return array


def _scalar(dtype: Any, data: Any) -> _Array:
    return _array_from((), dtype, False, data)


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    return _array_from(shape, dtype, order == "F", data)


def _encode(text: str, *_: object) -> bytes:
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,  # how an empty array is written
    ("collections", "OrderedDict"): OrderedDict,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")  # before and since NumPy 2
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
}


class _ArrayUnpickler(pickle.Unpickler):
    """Reads plain containers, strings, numbers and `_Array`; whatever else is named is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _STAND_INS[module, name]
