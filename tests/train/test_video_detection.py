"""Windows of frames of one video, changed alike, and two iterations of training on them."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from wildact.decode import VideoReader
from wildact.detect import build_detector, load_detector
from wildact.errors import RecipeError
from wildact.recipes import load_recipe
from wildact.train import train_recipe, video_detection
from wildact.train.detection import compute_losses, cut_and_change_frames, draw_frames
from wildact.train.initial import build_model
from wildact.train.objects import Objects
from wildact.weights import WeightCard, save_weights

SMALL = {"channels": 8, "short_side": 96, "long_side": 160, "max_detections": 5}
TOY = [
    "model.architecture={flow = 'dis', channels = 8, short_side = 96, long_side = 160, max_detections = 5}",
    "optimizer.iterations=2", "optimizer.batch_size=2", "data.width=160", "data.height=96",
    "data.frames_per_video=2",
]  # fmt: skip
PLAIN = [f"data.{key}=0" for key in ("flip", "grayscale", "brightness", "blur", "noise", "focus")]


def recipe(*more, name="fgfa_maskrcnn_lite0_fpn"):
    return load_recipe(name, [*TOY, *more])


@pytest.fixture(scope="module")
def mask_rcnn(tiny_dataset, tmp_path_factory):
    """Weights of a single-frame detector for the data set's species."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "single.safetensors"
    model = build_detector("maskrcnn_lite0_fpn", len(tiny_dataset.species), **SMALL)
    card = WeightCard(
        name="maskrcnn_lite0_fpn", kind="detector", file=path.name, licence="Apache-2.0",
        classes=tiny_dataset.species, preprocessing={}, architecture=SMALL, trained_on="nothing",
    )  # fmt: skip
    save_weights(path, model.state_dict(), card)
    return path


def one_object():
    masks = np.zeros((1, 96, 160), bool)
    masks[0, 40:70, 60:110] = True
    boxes = np.array([[60, 40, 110, 70]], np.float32)
    return Objects(boxes, np.array([2]), masks, np.ones(1, bool), np.zeros((0, 4), np.float32))


def draw(dataset, recipe_, seed=0):
    video = next(video for video in dataset.videos if video.tracks)
    rng = np.random.default_rng(seed)
    return video, video_detection.draw_windows(
        video, rng, species=dataset.species, data=recipe_.data, window=recipe_.window
    )


def test_a_window_begins_with_the_labelled_frame_and_is_changed_as_one(tiny_dataset):
    """On a video that stands still, all frames of a window are one picture after all changes but noise."""
    data = recipe("data.noise=0", "data.blur=1", "data.grayscale=0.5", "data.focus=1").data
    frame = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
    objects = one_object()
    sizes = set()
    for seed in range(8):
        window, target = cut_and_change_frames([frame] * 3, objects, np.random.default_rng(seed), data)
        assert window.shape[:2] == (3, 3)
        assert torch.equal(window[0], window[1])
        assert torch.equal(window[0], window[2])
        assert target["masks"].shape[1:] == window.shape[2:]
        sizes.add(tuple(target["boxes"][0].tolist()) if len(target["boxes"]) else None)
    assert len(sizes) > 4  # and from window to window they differ


def test_the_first_frame_is_what_a_detector_of_single_frames_would_be_shown(tiny_dataset):
    frame = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
    objects = one_object()
    data = recipe("data.noise=0").data
    single, target = cut_and_change_frames([frame], objects, np.random.default_rng(3), data)
    window, same = cut_and_change_frames([frame, frame[::-1]], objects, np.random.default_rng(3), data)
    assert torch.equal(single[0], window[0])
    assert torch.equal(target["boxes"], same["boxes"])
    assert not torch.equal(window[0], window[1])


def test_neighbours_are_other_frames_within_reach(tiny_dataset):
    plain = recipe(*PLAIN, "data.scale=[1.0, 1.0]", "window.max_offset=3")
    video, samples = draw(tiny_dataset, plain)
    frames = draw_frames(video, np.random.default_rng(0), dataset=tiny_dataset, data=plain.data)
    assert len(samples) == 2
    for (window, _), (frame, _) in zip(samples, frames, strict=True):
        assert window.shape == (3, 3, 96, 160)
        assert window.dtype == torch.uint8
        assert torch.equal(window[0], frame)
        assert not torch.equal(window[0], window[1])
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        one, other = video_detection.choose_neighbours(5, 20, rng, plain.window)
        assert one < other
        seen |= {one - 5, other - 5}
    assert seen == {-3, -2, -1, 1, 2, 3}
    assert {*video_detection.choose_neighbours(0, 3, rng, plain.window)} == {1, 2}
    assert video_detection.choose_neighbours(0, 2, rng, plain.window) == [1, 0]
    assert video_detection.choose_neighbours(0, 1, rng, plain.window) == [0, 0]


def test_two_iterations_from_a_mask_rcnn_and_a_stream_with_what_they_gave(
    tiny_data, tiny_dataset, mask_rcnn, tmp_path, caplog
):
    start = f"model.initial={json.dumps(str(mask_rcnn))}"
    card = train_recipe(recipe(start), tiny_data, tmp_path / "run", workers=0, device="cpu", progress=False)
    assert card.name == "fgfa_maskrcnn_lite0_fpn"
    assert "keeps its embedding untrained" in caplog.text
    before = {name: tensor.half() for name, tensor in load_file(mask_rcnn).items()}
    after = {name: tensor.half() for name, tensor in load_file(tmp_path / "run/best.safetensors").items()}
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"backbone", "rpn", "roi_heads"}
    assert all(torch.equal(before[k], after[k]) for k in before if k.startswith("backbone.body."))
    detector = load_detector(str(tmp_path / "run"), min_score=0.001)
    video = next(video for video in tiny_dataset.videos if video.tracks)
    with VideoReader(video.info.path) as reader:
        indices = [frame.index for frame, _ in detector.stream(reader.frames())]
    assert indices == list(range(len(indices)))
    assert len(indices) == video.info.frames


@pytest.mark.parametrize(
    ("flow", "frozen"), [("dis", ["backbone.body."]), ("raft_small", ["backbone.", "flow."])]
)
def test_only_what_is_meant_to_be_trained_gets_gradients(tiny_dataset, flow, frozen):
    chosen = recipe(
        f"model.architecture={{flow = '{flow}', channels = 8, short_side = 96, long_side = 160}}",
        f"model.frozen={frozen}", "model.initial=none", "optimizer.batch_size=1",
    )  # fmt: skip
    torch.manual_seed(0)
    model = build_model(chosen, tiny_dataset).train()
    _, samples = draw(tiny_dataset, chosen)
    losses = compute_losses(model, samples[:1])
    assert set(losses) == {
        "loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg",
    }  # fmt: skip
    torch.stack(list(losses.values())).sum().backward()
    with_gradient = {
        name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0
    }
    assert not any(name.startswith(tuple(frozen)) for name in with_gradient)
    for part in ("embedding.layers.0", "embedding.layers.4", "rpn.head", "roi_heads.box_head"):
        assert any(name.startswith(part) for name in with_gradient), part
    assert any(name.startswith("backbone.fpn.") for name in with_gradient) == (flow == "dis")


def test_a_window_and_a_network_of_single_frames_do_not_go_together():
    with pytest.raises(RecipeError, match="'window' belongs to the detectors fgfa_"):
        load_recipe("maskrcnn_lite0_fpn", ["window={neighbours = 2, max_offset = 9}"])
    with pytest.raises(RecipeError, match="'window' belongs to the detectors fgfa_"):
        load_recipe("fgfa_schindler2021", ["model.name=maskrcnn_resnet50_fpn"])


def test_the_recipe_of_the_paper_differs_from_that_of_mask_rcnn_in_what_fgfa_is():
    fgfa, mask = load_recipe("fgfa_schindler2021"), load_recipe("maskrcnn_schindler2021")
    assert (fgfa.window.neighbours, fgfa.window.max_offset) == (2, 9)
    assert fgfa.schedule == mask.schedule
    assert replace_batch(fgfa.optimizer) == replace_batch(mask.optimizer)


def replace_batch(optimizer):
    return optimizer.model_copy(update={"batch_size": 1})
