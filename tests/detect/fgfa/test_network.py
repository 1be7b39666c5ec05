"""The network: a Mask R-CNN with its own names, and the frames that help it."""

import pytest
import torch

from wildact.detect import DETECTORS, build_detector
from wildact.errors import UsageError, WeightsError
from wildact.weights import WeightCard, save_weights

SMALL = {"channels": 8, "short_side": 64, "long_side": 96, "max_detections": 4}
SINGLE, VIDEO = "maskrcnn_lite0_fpn", "fgfa_maskrcnn_lite0_fpn"


def build(name, seed=0, **more):
    torch.manual_seed(seed)
    return build_detector(name, 3, **SMALL, **more)


def save(path, model, name, *, kind="detector", classes=("deer", "boar", "fox"), **architecture):
    card = WeightCard(
        name=name, kind=kind, file=path.name, licence="Apache-2.0", classes=classes, preprocessing={},
        architecture=architecture, trained_on="nothing",
    )  # fmt: skip
    save_weights(path, model.state_dict(), card)
    return str(path)


def targets(count):
    masks = torch.zeros(1, 64, 96, dtype=torch.uint8)
    masks[0, 10:40, 20:60] = 1
    one = {"boxes": torch.tensor([[20.0, 10.0, 60.0, 40.0]]), "labels": torch.tensor([2]), "masks": masks}
    return [dict(one) for _ in range(count)]


def windows(count, frames, *, equal):
    generator = torch.Generator().manual_seed(5)
    shape = (count, 1 if equal else frames, 3, 64, 96)
    return list(torch.rand(shape, generator=generator).expand(count, frames, 3, 64, 96))


@pytest.mark.parametrize("name", ["maskrcnn_lite0_fpn", "maskrcnn_resnet50_fpn"])
def test_the_names_are_those_of_the_mask_rcnn_and_more(name):
    with torch.device("meta"):
        single, video = (build_detector(n, 3).state_dict() for n in (name, f"fgfa_{name}"))
    assert {k: v.shape for k, v in single.items()}.items() <= {k: v.shape for k, v in video.items()}.items()
    assert {k.split(".")[0] for k in video.keys() - single.keys()} <= {"embedding", "flow"}
    assert f"fgfa_{name}" in DETECTORS


def test_a_mask_rcnn_is_a_start_and_what_stays_untrained_is_said(tmp_path, caplog):
    single = build(SINGLE, seed=1)
    path = save(tmp_path / "single.safetensors", single, SINGLE, **SMALL)
    video = build(VIDEO, weights=path)
    assert all(torch.equal(video.state_dict()[k], v) for k, v in single.state_dict().items())
    assert "its embedding untrained" in caplog.text


def test_a_head_of_other_classes_stays_untrained(tmp_path, caplog):
    path = save(tmp_path / "single.safetensors", build(SINGLE), SINGLE, **SMALL)
    video = build_detector(VIDEO, 5, weights=path, **SMALL)
    assert "untrained head" in caplog.text
    assert len(video.roi_heads.box_predictor.cls_score.weight) == 6


def test_an_fgfa_is_a_start_with_everything_it_has(tmp_path, caplog):
    trained = build(VIDEO, seed=1)
    path = save(tmp_path / "video.safetensors", trained, VIDEO, **SMALL)
    again = build(VIDEO, weights=path)
    assert all(torch.equal(again.state_dict()[k], v) for k, v in trained.state_dict().items())
    assert "untrained" not in caplog.text
    with pytest.raises(WeightsError, match=r"flow\.network"):
        build(VIDEO, weights=path, flow="raft_small")


def test_raft_comes_with_its_published_weights_or_says_how_to_get_them(tmp_path, monkeypatch, caplog):
    path = save(tmp_path / "single.safetensors", build(SINGLE), SINGLE, **SMALL)
    monkeypatch.setenv("WILDACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pytest.raises(WeightsError, match="wildact models download raft_small"):
        build(VIDEO, weights=path, flow="raft_small")
    published = build(VIDEO, seed=7, flow="raft_small").flow.network
    save(tmp_path / "cache" / "raft_small.safetensors", published, "raft_small", kind="flow", classes=())
    video = build(VIDEO, weights=path, flow="raft_small")
    ours = video.flow.network.state_dict()
    assert all(torch.equal(ours[k], v) for k, v in published.state_dict().items())
    assert "its embedding untrained" in caplog.text


@pytest.mark.parametrize(
    ("bad", "said"),
    [({"flow": "magic"}, "dis, raft_small"), ({"flow_scale": 0}, "scale"), ({"sharpness": 0}, "sharpness")],
)
def test_what_cannot_be_built_is_said(bad, said):
    with pytest.raises(UsageError, match=said):
        build(VIDEO, **bad)


def test_equal_frames_without_flow_have_the_losses_of_a_single_frame():
    video, single = build(VIDEO).train(), build(SINGLE).train()
    single.transform._skip_resize = True
    single.load_state_dict({k: v for k, v in video.state_dict().items() if k in single.state_dict()})
    three = windows(2, 3, equal=True)
    torch.manual_seed(3)
    ours = video(three, targets(2))
    torch.manual_seed(3)
    theirs = single([window[0] for window in three], targets(2))
    assert ours.keys() == theirs.keys()
    assert all(ours[name].item() == pytest.approx(theirs[name].item(), rel=1e-3) for name in theirs)


def test_the_other_frames_count_and_their_order_does_not():
    video, seen = build(VIDEO).eval(), []
    video.rpn.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[1]["0"]))
    one, two, three = windows(1, 3, equal=False)[0]
    with torch.inference_mode():
        for frames in ((one, two, three), (one, three, two), (one, two, two), (one,)):
            (result,) = video([torch.stack(frames)])
            assert result["masks"].shape[1:] == (1, 28, 28)
    together, turned, without_three, alone = seen
    assert torch.allclose(together, turned, atol=1e-5)
    assert not torch.allclose(together, without_three, atol=1e-3)
    assert not torch.allclose(together, alone, atol=1e-3)


def test_embeddings_have_one_length_on_every_level_and_no_mean():
    video = build(VIDEO, embedding_channels=5, sharpness=4.0)
    with torch.inference_mode():
        embedded = video.encode([torch.rand(3, 64, 96)]).embeddings
    assert list(embedded) == ["0", "1", "2", "3"]
    assert embedded["0"].shape == (1, 5, 16, 24)
    for keys in embedded.values():
        assert torch.allclose(keys.norm(dim=1), torch.full((1, *keys.shape[2:]), 2.0), atol=1e-3)
    cosines = torch.einsum("eyx,e->yx", embedded["0"][0], embedded["0"][0, :, 8, 12]) / 4
    assert cosines.min() < -0.3  # with their mean left in, all would be close to 1
