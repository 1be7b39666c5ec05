import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wildact.errors import WeightsError
from wildact.weights import load_foreign_state


class Calls:
    """Pickled, it asks for ``function(*args)`` to be called when it is loaded."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def save_pickle(path: Path, content: Any, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def test_a_checkpoint_gives_its_state_and_leaves_out_the_rest(tmp_path: Path) -> None:
    state = OrderedDict(a=torch.ones(2, 3), b=torch.tensor(3))
    optimizer = {
        "state": {0: {"momentum_buffer": torch.ones(2)}},
        "param_groups": [{"lr": 0.1, "params": [0]}],
    }
    checkpoint = {
        "epoch": 7,
        "model_state": state,
        "optimizer_state": optimizer,
        "cfg": "TRAIN:\n  ENABLE: true",
    }
    for name, legacy in (("new.pyth", False), ("old.pyth", True)):
        torch.save(checkpoint, tmp_path / name, _use_new_zipfile_serialization=not legacy)
        loaded = load_foreign_state(tmp_path / name)
        assert loaded.keys() == {"a", "b"}
        assert torch.equal(loaded["a"], state["a"])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_a_pickle_come_as_they_are(tmp_path: Path, protocol: int) -> None:
    rng = np.random.default_rng(0)
    blobs = {
        "float": rng.standard_normal((2, 3, 4)).astype(np.float32),
        "columns": np.asfortranarray(rng.standard_normal((3, 5))),
        "big_endian": np.arange(4, dtype=">f4"),
        "half": np.ones(3, np.float16),
        "count": np.array([7]),
        "empty": np.zeros((0, 3), np.float32),
        "scalar": np.float32(0.25),
    }
    path = save_pickle(tmp_path / "a.pkl", {"blobs": blobs, "cfg": "MODEL:"}, protocol)
    loaded = load_foreign_state(path)
    assert loaded.keys() == blobs.keys()
    for name, array in blobs.items():
        assert np.array_equal(loaded[name].numpy(), array)
        assert loaded[name].numpy().dtype == array.dtype.newbyteorder("=")
    loaded["float"] += 1  # its memory is its own


def test_a_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    """As Python 2 and NumPy 1 wrote it: strings of bytes, and the array's bytes one of them."""
    data = b"\x00\x00\x80\x3f\x00\x00\x80\xbf"  # 1 and -1
    (tmp_path / "a.pkl").write_bytes(
        b"\x80\x02}U\x05blobs}U\x07conv1_wcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        b"K\x00\x85U\x01b\x87R(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08" + data + b"tbss."
    )
    assert load_foreign_state(tmp_path / "a.pkl")["conv1_w"].tolist() == [1, -1]


def test_hostile_pickles_are_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    for number, hostile in enumerate(
        (
            Calls(Path.touch, mark),
            Calls(os.system, f"touch '{mark}'"),
            Calls(eval, f"open({str(mark)!r}, 'w')"),
            Calls(np.save, str(mark), 1),
            Calls(getattr, mark, "touch"),
        )
    ):
        for content in (hostile, {"blobs": {"a": hostile}}, {"blobs": {"a": np.array([hostile])}}):
            for protocol in (0, 2, 4):
                path = save_pickle(tmp_path / f"{number}.pkl", content, protocol)
                with pytest.raises(WeightsError, match="not loaded for safety"):
                    load_foreign_state(path)
        torch.save({"model_state": {"a": hostile}}, tmp_path / "a.pyth")
        with pytest.raises(WeightsError, match="not loaded for safety"):
            load_foreign_state(tmp_path / "a.pyth")
    assert not any(path.name.startswith("executed") for path in tmp_path.iterdir())


def test_an_array_that_lies_about_its_memory_is_refused(tmp_path: Path) -> None:
    """NumPy itself would take the eight bytes of this array of objects for the address of one."""
    template = pickle.dumps({"blobs": {"a": np.array([1], "<i8")}}, 2)
    objects = template.replace(b"X\x02\x00\x00\x00i8", b"X\x02\x00\x00\x00O8")
    mixed = template.replace(b"X\x01\x00\x00\x00<", b"X\x02\x00\x00\x00O,")
    longer = template.replace(b"K\x01\x85", b"K\x09\x85")
    for content in (objects, mixed, longer):
        assert content != template
        (tmp_path / "a.pkl").write_bytes(content)
        with pytest.raises(WeightsError, match="damaged"):
            load_foreign_state(tmp_path / "a.pkl")


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x02}q\x00X\x05\x00\x00\x00blo"])
@pytest.mark.parametrize("name", ["a.pkl", "a.pyth"])
def test_damaged_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        load_foreign_state(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1.0], "does not hold weights but a list"),
        ({"epoch": 3}, "'epoch' is a int"),
        ({"blobs": {}}, "does not hold weights but a dict"),
        ({"blobs": {"a": "text"}}, "'a' is a str"),
        ({"blobs": {3: np.ones(1)}}, "'3' is a Tensor"),
    ],
)
def test_pickles_of_something_else_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        load_foreign_state(save_pickle(tmp_path / "a.pkl", content))


def test_missing_and_unknown_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        load_foreign_state(tmp_path / "none.pkl")
    with pytest.raises(WeightsError, match=r"are \.pth, \.pt, \.pyth, \.pkl files"):
        load_foreign_state(tmp_path / "a.onnx")
