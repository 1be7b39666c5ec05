from dataclasses import replace

import numpy as np
import pytest
import torch

from wildact.detect import build_detector
from wildact.errors import DatasetError
from wildact.recipes import load_recipe
from wildact.train import detection

SMALL = ["optimizer.iterations=4", "optimizer.batch_size=4", "data.width=160", "data.height=96"]
PLAIN = [
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
    data = recipe(*PLAIN, "data.frames_per_video=3").data
    samples = detection.draw_frames(video, np.random.default_rng(0), species=tiny_dataset.species, data=data)
    assert len(samples) == 3
    for image, target in samples:
        assert image.shape == (3, 96, 160)
        assert image.dtype == torch.uint8
        assert len(target["boxes"]) == len(target["labels"]) == len(target["masks"])
        for box, mask, label in zip(target["boxes"], target["masks"], target["labels"], strict=True):
            rows, columns = torch.nonzero(mask, as_tuple=True)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert tiny_dataset.species[label - 1] in {track.label for track in video.tracks}


def test_boxes_without_masks_are_refused(tiny_dataset):
    video = next(video for video in tiny_dataset.videos if video.tracks)
    first = video.tracks[0]
    bare = replace(first, masks=(None, *first.masks[1:]))
    dataset = replace(tiny_dataset, videos=(replace(video, tracks=(bare, *video.tracks[1:])),))
    with pytest.raises(DatasetError, match=f"track {first.track_id} has boxes without masks"):
        detection.build_blocks(dataset, load_recipe("maskrcnn_lite0_fpn"))


def test_groups_of_animals_are_no_target(tiny_dataset):
    video = next(video for video in tiny_dataset.videos if video.tracks)
    frame = int(video.tracks[0].frames[0])
    masks, _ = detection.read_truth(video, frame, tiny_dataset.species)
    crowd = replace(video, tracks=tuple(replace(track, crowd=True) for track in video.tracks))
    assert len(masks)
    assert len(detection.read_truth(crowd, frame, tiny_dataset.species)[0]) == 0


@pytest.fixture
def network_and_batch(tiny_dataset):
    """A small network as it trains, and two frames with animals."""
    video = next(v for v in tiny_dataset.videos if v.tracks)
    data = recipe("data.frames_per_video=2", "data.blank_share=0").data
    batch = detection.draw_frames(video, np.random.default_rng(0), species=tiny_dataset.species, data=data)
    torch.manual_seed(0)
    model = build_detector("maskrcnn_lite0_fpn", 4, channels=8, short_side=96, long_side=160)
    return detection.prepare_model(model).train(), batch


def test_losses_are_torchvision_s(network_and_batch):
    model, batch = network_and_batch
    torch.manual_seed(1)
    ours = detection.compute_losses(model, batch)
    torch.manual_seed(1)
    theirs = model([image.float() / 255 for image, _ in batch], [target for _, target in batch])
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value)
