from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from wildact.backbones import load_imagenet_package
from wildact.datasets import Dataset
from wildact.detect import build_detector
from wildact.labels import LabelledVideo
from wildact.masks import encode_mask
from wildact.recipes import load_recipe
from wildact.train import detection
from wildact.types import Track, VideoInfo

SMALL = ["optimizer.iterations=4", "optimizer.batch_size=4", "data.width=160", "data.height=96"]
PLAIN = [
    "data.mosaic=0",
    "data.flip=0",
    "data.grayscale=0",
    "data.brightness=0",
    "data.blur=0",
    "data.noise=0",
    "data.scale=[1.0, 1.0]",
]


def recipe(*more):
    return load_recipe("maskrcnn_lite0_fpn", [*SMALL, *more])


def test_a_plain_sample_is_the_frame_with_its_truth(tiny_dataset):
    video = next(v for v in tiny_dataset.videos if v.tracks)
    data = recipe(*PLAIN, "data.frames_per_video=3", "data.blank_share=0").data
    samples = detection.draw_frames(video, np.random.default_rng(0), dataset=tiny_dataset, data=data)
    assert len(samples) == 3
    for image, target in samples:
        assert image.shape == (3, 96, 160)
        assert image.dtype == torch.uint8
        assert len(target["boxes"]) == len(target["labels"]) == len(target["masks"]) > 0
        assert target["has_mask"].all()
        for box, mask, label in zip(target["boxes"], target["masks"], target["labels"], strict=True):
            rows, columns = torch.nonzero(mask, as_tuple=True)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert tiny_dataset.species[label - 1] in {track.label for track in video.tracks}


def test_a_mosaic_fills_the_canvas(tiny_dataset):
    video = next(v for v in tiny_dataset.videos if v.tracks)
    data = recipe(*PLAIN, "data.mosaic=1", "data.width=200", "data.height=120").data
    ((image, target),) = detection.draw_frames(
        video, np.random.default_rng(0), dataset=tiny_dataset, data=data
    )
    assert image.shape == (3, 120, 200)
    assert (target["boxes"][:, 2] <= 200).all()
    assert (target["boxes"][:, 3] <= 120).all()


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """Eight photographs of a bright square on a textured ground: half of them with a box but no mask."""
    folder = tmp_path_factory.mktemp("squares")
    rng = np.random.default_rng(0)
    videos = []
    for k in range(8):
        image = rng.integers(0, 90, (96, 128, 3), np.uint8)
        x, y, side = (int(rng.integers(low, high)) for low, high in ((4, 70), (4, 40), (30, 50)))
        image[y : y + side, x : x + side] = (220, 160, 60)
        path = folder / f"{k}.png"
        cv2.imwrite(str(path), image[..., ::-1])
        box = np.array([[x, y, x + side, y + side]], np.float32)
        mask = np.zeros((96, 128), bool)
        mask[y : y + side, x : x + side] = True
        track = Track(
            1, "animal", 1.0, np.zeros(1, np.int64), box, np.ones(1, np.float32),
            (encode_mask(mask) if k % 2 else None,),
        )  # fmt: skip
        info = VideoInfo(path, 128, 96, Fraction(1), 1, Fraction(1), "png")
        videos.append(LabelledVideo(info, "", "", None, (track,), ()))
    return Dataset(folder, ("animal",), (), tuple(videos), {})


def test_training_learns(squares):
    torch.manual_seed(0)
    plan = load_recipe(
        "maskrcnn_lite0_fpn",
        [*PLAIN, "data.width=128", "data.height=96", "optimizer.batch_size=4", "data.shares={}",
         "optimizer.iterations=50", "data.focus=0"],
    )  # fmt: skip
    model = build_detector("maskrcnn_lite0_fpn", 1, channels=16, short_side=96, long_side=128).train()
    load_imagenet_package(model.backbone.body)
    model.backbone.body.requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    blocks = detection.build_blocks(squares, plan)
    for batch in (batch for number in range(len(blocks)) for batch in blocks[number]):
        loss = torch.stack(list(detection.compute_losses(model, batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    model.eval()
    with torch.inference_mode():
        found = model([detection.draw_frames(
            video, np.random.default_rng(0), dataset=squares, data=plan.data
        )[0][0].float() / 255 for video in squares.videos])  # fmt: skip
    ious = []
    for output, video in zip(found, squares.videos, strict=True):
        truth = torch.from_numpy(video.tracks[0].boxes)
        ious.append(float(box_iou(output["boxes"][:1], truth).max()) if len(output["boxes"]) else 0.0)
    assert np.mean(ious) > 0.5


def test_objects_without_masks_have_no_mask_loss(squares):
    torch.manual_seed(0)
    model = build_detector("maskrcnn_lite0_fpn", 1, channels=8, short_side=96, long_side=128).train()
    data = load_recipe("maskrcnn_lite0_fpn", [*PLAIN, "data.width=128", "data.height=96"]).data
    rng = np.random.default_rng(0)
    samples = [detection.draw_frames(v, rng, dataset=squares, data=data)[0] for v in squares.videos]
    assert detection.compute_losses(model, samples[0::2])["loss_mask"] == 0
    assert detection.compute_losses(model, samples[1::2])["loss_mask"] > 0


def test_an_ignore_region_is_neither_object_nor_background(squares):
    torch.manual_seed(0)
    model = build_detector("maskrcnn_lite0_fpn", 1, channels=8, short_side=96, long_side=128).train()
    crowd = replace(
        squares,
        videos=tuple(
            replace(
                video,
                tracks=(replace(video.tracks[0], crowd=True, boxes=np.array([[0, 0, 128, 96]], np.float32)),),
            )
            for video in squares.videos
        ),
    )
    data = load_recipe("maskrcnn_lite0_fpn", [*PLAIN, "data.width=128", "data.height=96"]).data
    batch = detection.draw_frames(crowd.videos[0], np.random.default_rng(0), dataset=crowd, data=data)
    losses = detection.compute_losses(model, batch)
    assert losses["loss_classifier"] == losses["loss_box_reg"] == losses["loss_mask"] == 0
    assert torch.isfinite(losses["loss_objectness"])
