"""The names of each library, written out here a second time and in the other direction."""

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor

from wildact.errors import WeightsError
from wildact.recognize import build_recognizer, load_recognizer
from wildact.weights import WeightCard, convert_slowfast_state, load_foreign_state, load_state, load_weights

DEPTHS = (1, 2, 1, 1)
TINY = {"width": 8, "depths": DEPTHS, "num_frames": 8, "crop_size": 32}
TENSORS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
CAFFE2 = {"weight": "s", "bias": "b", "running_mean": "rm", "running_var": "riv"}


def module_names() -> list[tuple[str, str, str, str]]:
    """Our name of each module beside that of PyTorchVideo, of PySlowFast and of Caffe2."""
    rows = [("fc", "blocks.6.proj", "head.projection", "pred")]
    for p, ours, t in ((0, "slow", ""), (1, "fast", "t_")):
        video, slow = f"blocks.0.multipathway_blocks.{p}", f"s1.pathway{p}_stem"
        rows += [(f"stem.{ours}.conv", f"{video}.conv", f"{slow}.conv", f"{t}conv1")]
        rows += [(f"stem.{ours}.norm", f"{video}.norm", f"{slow}.bn", f"{t}res_conv1_bn")]
    for i in (1, 2, 3, 4):
        video = f"blocks.{i - 1}.multipathway_fusion"
        caffe2 = "t_pool1_subsample" if i == 1 else f"t_res{i}_{DEPTHS[i - 2] - 1}_branch2c_bn_subsample"
        rows += [(f"fuse{i}.conv", f"{video}.conv_fast_to_slow", f"s{i}_fuse.conv_f2s", caffe2)]
        rows += [(f"fuse{i}.norm", f"{video}.norm", f"s{i}_fuse.bn", f"{caffe2}_bn")]
    for i, depth in zip((2, 3, 4, 5), DEPTHS, strict=True):
        for p, path, t in ((0, "slow", ""), (1, "fast", "t_")):
            for j in range(depth):
                ours = f"res{i}.{path}.{j}"
                video = f"blocks.{i - 1}.multipathway_blocks.{p}.res_blocks.{j}"
                slow, caffe2 = f"s{i}.pathway{p}_res{j}", f"{t}res{i}_{j}"
                if j == 0:
                    there = (f"{video}.branch1_conv", f"{slow}.branch1", f"{caffe2}_branch1")
                    rows += [(f"{ours}.shortcut_conv", *there)]
                    there = (f"{video}.branch1_norm", f"{slow}.branch1_bn", f"{caffe2}_branch1_bn")
                    rows += [(f"{ours}.shortcut_norm", *there)]
                for x in "abc":
                    there = (f"{video}.branch2.conv_{x}", f"{slow}.branch2.{x}", f"{caffe2}_branch2{x}")
                    rows += [(f"{ours}.conv_{x}", *there)]
                    there = (f"{video}.branch2.norm_{x}", f"{slow}.branch2.{x}_bn", f"{caffe2}_branch2{x}_bn")
                    rows += [(f"{ours}.norm_{x}", *there)]
    return rows


def make_state(seed: int = 0) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    state = build_recognizer("slowfast_r50", 5, **TINY).state_dict()
    return {k: torch.rand_like(t) if t.is_floating_point() else torch.tensor(seed) for k, t in state.items()}


def rename(state: dict[str, Tensor], column: int) -> dict[str, Tensor]:
    """Our state in the names of PyTorchVideo (1), PySlowFast (2) or Caffe2 (3)."""
    foreign = {}
    for row in module_names():
        for tensor in TENSORS:
            if (ours := f"{row[0]}.{tensor}") not in state:
                continue
            if column < 3:
                foreign[f"{row[column]}.{tensor}"] = state[ours]
            elif "norm" not in row[0]:
                foreign[f"{row[3]}_{'w' if tensor == 'weight' else 'b'}"] = state[ours]
            elif tensor in CAFFE2:
                foreign[f"{row[3]}_{CAFFE2[tensor]}"] = state[ours]
    return foreign


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_the_tables_of_this_test_hold_published_names() -> None:
    names = [set(rename(make_state(), column)) for column in (1, 2, 3)]
    assert {
        "blocks.0.multipathway_blocks.1.norm.running_var",
        "blocks.3.multipathway_fusion.conv_fast_to_slow.weight",
        "blocks.1.multipathway_blocks.0.res_blocks.0.branch1_norm.num_batches_tracked",
        "blocks.4.multipathway_blocks.1.res_blocks.0.branch2.norm_c.weight",
        "blocks.6.proj.bias",
    } <= names[0]
    assert {
        "s1.pathway0_stem.bn.weight",
        "s1_fuse.conv_f2s.weight",
        "s2.pathway1_res0.branch1_bn.bias",
        "s3.pathway0_res1.branch2.a.weight",
        "s5.pathway0_res0.branch2.c_bn.running_mean",
        "head.projection.weight",
    } <= names[1]
    assert {
        "conv1_w",
        "t_res_conv1_bn_riv",
        "t_pool1_subsample_bn_s",
        "t_res3_1_branch2c_bn_subsample_w",
        "res2_0_branch1_bn_rm",
        "t_res5_0_branch2b_bn_b",
        "pred_b",
    } <= names[2]


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_layouts_of_pytorch_become_ours(column: int, prefix: str) -> None:
    state = make_state(seed=3)
    foreign = rename(state, column)
    assert len(foreign) == len(state)
    assert same(convert_slowfast_state({prefix + name: t for name, t in foreign.items()}), state)


def test_blobs_of_caffe2_become_ours(tmp_path: Path) -> None:
    state = make_state()  # which has counted 0 batches
    blobs = {name: t.numpy() for name, t in rename(state, 3).items()}
    flat = "res2_0_branch1_w"
    blobs[flat] = blobs[flat][..., 0, 0, 0]  # (out, in): the axes of length 1 may be missing
    blobs |= {"conv1_w_momentum": blobs["conv1_w"], "lr": blobs["pred_b"], "model_iter": blobs["pred_b"]}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"blobs": blobs}, 2))
    assert same(convert_slowfast_state(load_foreign_state(tmp_path / "a.pkl")), state)


@pytest.mark.parametrize("suffix", [".pyth", ".pkl"])
def test_a_published_file_with_a_card_recognises_as_ours_does(tmp_path: Path, suffix: str) -> None:
    state, path = make_state(), tmp_path / f"SLOWFAST{suffix}"
    if suffix == ".pyth":
        torch.save({"epoch": 3, "model_state": rename(state, 1), "cfg": "TRAIN:"}, path)
    else:
        path.write_bytes(pickle.dumps({"blobs": {k: t.numpy() for k, t in rename(state, 3).items()}}, 2))
    wants = {"num_frames": 8, "rate": 15, "size": 32, "context": 1.5, "mean": [0.45] * 3, "std": [0.225] * 3}
    card = WeightCard(
        name="slowfast_r50",
        kind="recognizer",
        file=path.name,
        licence="CC BY-NC 4.0",
        classes=tuple("abcde"),
        preprocessing=wants,
        architecture=TINY,
        trained_on="Kinetics-400",
    )
    path.with_suffix(".json").write_text(card.model_dump_json())
    assert same(load_weights(path)[0], state)
    ours, clips = build_recognizer("slowfast_r50", 5, **TINY).eval(), torch.randn(1, 3, 8, 32, 32)
    load_state(ours, state)
    with torch.no_grad():
        assert torch.allclose(load_recognizer(str(path)).model(clips), ours(clips), rtol=1e-4)


def test_statistics_of_split_batches_are_refused() -> None:
    state = rename(make_state(), 2)
    for name in ("s1.pathway0_stem.bn.split_bn.running_mean", "s2.pathway0_res0.branch2.a_bn.bn.running_var"):
        with pytest.raises(WeightsError, match=r"split batches \('s\d.*'\)"):
            convert_slowfast_state(state | {name: torch.ones(2)})


def test_other_weights_and_unknown_names_are_refused() -> None:
    state = make_state()
    with pytest.raises(WeightsError, match=r"their first name is 'conv1\.weight'"):
        convert_slowfast_state({"conv1.weight": torch.ones(1)})
    with pytest.raises(WeightsError, match="first name is ''"):
        convert_slowfast_state({})
    for column, name in (
        (1, "blocks.5.proj.weight"),
        (2, "s3.pathway0_nonlocal1.conv_g.weight"),
        (3, "pred_x"),
    ):
        with pytest.raises(WeightsError, match=f"'{name}' has no place in the network"):
            convert_slowfast_state(rename(state, column) | {name: torch.ones(1)})
    twice = rename(state, 3) | {"t_res2_9_branch2c_bn_subsample_w": torch.ones(1)}
    with pytest.raises(WeightsError, match="comes twice"):
        convert_slowfast_state(twice)
