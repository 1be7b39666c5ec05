import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from wildact.errors import OutputError, UsageError, WeightsError
from wildact.weights import (
    WeightCard,
    load_state,
    load_state_except_head,
    load_weights,
    read_card,
    save_weights,
)


def make_card(**changes: Any) -> WeightCard:
    values: dict[str, Any] = {
        "name": "tiny",
        "kind": "recognizer",
        "file": "anything.safetensors",
        "licence": "Apache-2.0",
        "classes": ("walk", "graze"),
        "preprocessing": {"mean": (0.5, 0.4, 0.3), "frames": 8, "rate": 7.5},
        "architecture": {"num_classes": 2},
        "trained_on": "drawings",
        "scores": {"test/top1": 0.75},
    }
    return WeightCard(**(values | changes))


def make_net() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def test_one_file_alone_gives_back_weights_and_card(tmp_path: Path) -> None:
    state = make_net().state_dict()
    card = save_weights(tmp_path / "a.safetensors", state, make_card())
    (tmp_path / "a.json").unlink()
    loaded, loaded_card = load_weights(tmp_path / "a.safetensors")
    assert loaded_card == card
    assert card.file == "a.safetensors"
    assert card.size_bytes == (tmp_path / "a.safetensors").stat().st_size
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[k], state[k]) for k in state)
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]  # no temporary file is left


def test_sidecar_shows_card_and_checksum(tmp_path: Path) -> None:
    card = save_weights(tmp_path / "a.safetensors", make_net().state_dict(), make_card())
    shown = json.loads((tmp_path / "a.json").read_text())
    assert shown["sha256"] == card.sha256
    assert len(card.sha256) == 64
    assert shown["preprocessing"]["mean"] == [0.5, 0.4, 0.3]
    assert read_card(tmp_path / "a.safetensors") == card


def test_half_precision_halves_kernels_and_spares_variances(tmp_path: Path) -> None:
    state = make_net().state_dict()
    state["1.running_var"].fill_(1e-9)  # float16 would make this 0
    full = save_weights(tmp_path / "full.safetensors", state, make_card())
    half = save_weights(tmp_path / "half.safetensors", state, make_card(), dtype=torch.float16)
    assert half.size_bytes < full.size_bytes
    loaded, _ = load_weights(tmp_path / "half.safetensors")
    assert loaded["0.weight"].dtype == torch.float32
    assert torch.equal(loaded["0.weight"], state["0.weight"].half().float())
    assert torch.equal(loaded["1.running_var"], state["1.running_var"])
    assert loaded["1.num_batches_tracked"].dtype == torch.int64


def test_shared_tensors_are_saved(tmp_path: Path) -> None:
    weight = torch.ones(2, 2)
    save_weights(tmp_path / "a.safetensors", {"a": weight, "b": weight}, make_card())
    loaded, _ = load_weights(tmp_path / "a.safetensors")
    assert torch.equal(loaded["b"], weight)


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_values_that_are_not_finite_are_not_saved(tmp_path: Path, value: float) -> None:
    with pytest.raises(WeightsError, match=r"head holds values that are not finite as torch\.float16"):
        save_weights(
            tmp_path / "a.safetensors", {"head": torch.full((2, 2), value)}, make_card(), dtype=torch.float16
        )
    assert not list(tmp_path.iterdir())


def test_save_refuses_other_suffix_and_reports_unwritable_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name the file so"):
        save_weights(tmp_path / "a.pth", {}, make_card())
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="cannot be written"):
        save_weights(tmp_path / "file" / "a.safetensors", {"a": torch.ones(1)}, make_card())


def test_changed_file_is_told_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_weights(path, {"a": torch.ones(4)}, make_card())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged or was changed"):
        load_weights(path)


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\xff" * 64])
@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_what_is_no_weights_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(tmp_path / name, make_card())


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_weights(path, {"a": torch.ones(400)}, make_card())
    (tmp_path / "a.json").unlink()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged or not a safetensors file"):
        load_weights(path)


class Hostile:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def test_hostile_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    torch.save({"a": Hostile(mark)}, tmp_path / "zip.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"a": Hostile(mark)}))
    for name in ("zip.pth", "plain.pth"):
        with pytest.raises(WeightsError, match="not loaded for safety"):
            load_weights(tmp_path / name, make_card())
    assert not mark.exists()


def test_pth_needs_a_card(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.ones(2, dtype=torch.float16)}, path)
    with pytest.raises(WeightsError, match=r"put its card beside it as a\.json"):
        load_weights(path)
    loaded, card = load_weights(path, make_card())
    assert torch.equal(loaded["a"], torch.ones(2))
    assert len(card.sha256) == 64
    (tmp_path / "a.json").write_text(make_card(name="other").model_dump_json())
    assert load_weights(path)[1].name == "other"


@pytest.mark.parametrize("content", [[torch.ones(1)], {"epoch": 3}, {}])
def test_pth_that_holds_something_else_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="does not hold weights"):
        load_weights(tmp_path / "a.pth", make_card())


def test_published_checksum_prefix_is_checked(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "r3d_18-b3b3357e.pth")
    assert read_card(tmp_path / "r3d_18-b3b3357e.pth").name == "r3d_18"
    with pytest.raises(WeightsError, match="its card says b3b3357e"):
        load_weights(tmp_path / "r3d_18-b3b3357e.pth")


def test_missing_unknown_and_cardless_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        load_weights(tmp_path / "none.safetensors")
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"not '\.onnx'"):
        load_weights(tmp_path / "a.onnx")
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, tmp_path / "bare.safetensors")
    with pytest.raises(WeightsError, match="does not say what network"):
        load_weights(tmp_path / "bare.safetensors")


def test_broken_sidecar_is_named(tmp_path: Path) -> None:
    save_weights(tmp_path / "a.safetensors", {"a": torch.ones(1)}, make_card())
    shown = json.loads((tmp_path / "a.json").read_text())
    (tmp_path / "a.json").write_text(json.dumps(shown | {"kind": "oracle"}))
    with pytest.raises(WeightsError, match=r"a\.json has a broken card: kind"):
        load_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "../../etc/weights.pth"},
        {"file": ""},
        {"sha256": "XYZ"},
        {"keep_classes": ("swim",)},
        {"preprocessing": {"mean": object()}},
        {"unknown_key": 1},
    ],
)
def test_impossible_cards_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_card(**changes)


def test_load_state_names_what_does_not_fit() -> None:
    net = make_net()
    state: dict[str, Tensor] = {k: v.clone() for k, v in net.state_dict().items()}
    load_state(make_net(), state)
    state["3.weight"] = torch.ones(5, 4)
    del state["0.bias"]
    state["head"] = torch.ones(1)
    with pytest.raises(WeightsError) as caught:
        load_state(net, state)
    message = str(caught.value)
    assert "1 missing: 0.bias" in message
    assert "1 unexpected: head" in message
    assert "3.weight [5, 4] for [2, 4]" in message


def test_load_state_copies_values() -> None:
    net = make_net()
    state = {k: torch.zeros_like(v) for k, v in net.state_dict().items()}
    load_state(net, state)
    assert all(float(v.sum()) == 0 for v in net.state_dict().values())


def make_state(classes: int) -> dict[str, Tensor]:
    """Ones, for `make_net` with another number of classes."""
    state = {k: torch.ones_like(v) for k, v in make_net().state_dict().items()}
    return state | {"3.weight": torch.ones(classes, 4), "3.bias": torch.ones(classes)}


def test_a_head_of_other_classes_stays_as_it_was_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    net, head = make_net(), make_net()[3]
    assert load_state_except_head(net, make_state(400), head=("3.",)) == ["3.weight", "3.bias"]
    assert torch.equal(net[3].weight, head.weight)
    assert torch.equal(net[3].bias, head.bias)
    assert all(float(t.min()) == 1 for name, t in net.state_dict().items() if not name.startswith("3."))
    (message,) = caplog.messages
    assert message.endswith("its untrained head: it has 2 classes, and 3.weight of the weights 400.")


def test_a_head_of_as_many_classes_is_loaded(caplog: pytest.LogCaptureFixture) -> None:
    net = make_net()
    assert load_state_except_head(net, make_state(2), head=("3.",)) == []
    assert all(float(t.min()) == 1 for t in net.state_dict().values())
    assert not caplog.messages


@pytest.mark.parametrize(
    ("changes", "head", "message"),
    [
        ({"0.bias": torch.ones(5)}, ("3.",), r"1 of another shape: 0\.bias"),
        ({"more": torch.ones(1)}, ("3.",), "1 unexpected: more"),
        ({"3.weight": torch.ones(400, 7)}, ("3.",), r"2 of another shape: 3\.weight"),
        ({}, ("fc.",), r"2 of another shape: 3\.weight"),
    ],
)
def test_nothing_but_the_number_of_classes_may_differ(
    changes: dict[str, Tensor], head: tuple[str, ...], message: str
) -> None:
    net = make_net()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(WeightsError, match=message):
        load_state_except_head(net, make_state(400) | changes, head=head)
    assert all(torch.equal(net.state_dict()[k], v) for k, v in before.items())
    missing = make_state(400)
    del missing["3.bias"]
    with pytest.raises(WeightsError, match=r"1 missing: 3\.bias"):
        load_state_except_head(net, missing, head=("3.",))
