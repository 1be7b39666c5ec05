import numpy as np
import pytest

from wildact.train.objects import (
    Cut,
    Objects,
    cut_image,
    cut_objects,
    draw_cut,
    join_mosaic,
    make_target,
    mirror_objects,
    read_objects,
)


def objects(*boxes, size=(120, 200), masks=True, ignored=()):
    bitmaps = np.zeros((len(boxes), *size), bool)
    for bitmap, (x1, y1, x2, y2) in zip(bitmaps, boxes, strict=True):
        if masks:
            bitmap[y1:y2, x1:x2] = True
    return Objects(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.arange(1, len(boxes) + 1),
        bitmaps,
        np.full(len(boxes), masks),
        np.array(ignored, np.float32).reshape(-1, 4),
    )


def paint(labelled):
    image = np.zeros((*labelled.masks.shape[1:], 3), np.uint8)
    for x1, y1, x2, y2 in labelled.boxes.astype(int):
        image[y1:y2, x1:x2] = 255
    return image


@pytest.mark.parametrize("masks", [True, False])
def test_boxes_and_masks_follow_the_image(masks):
    labelled = objects((50, 40, 120, 80), masks=masks)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cut = draw_cut(rng, labelled.boxes, (120, 200), scale=(0.5, 2.0), width=200, height=120)
        image, moved = cut_image(paint(labelled), cut), cut_objects(labelled, cut)
        assert image.shape[:2] == moved.masks.shape[1:]
        bright = image[..., 0] > 127
        if not len(moved.boxes):
            assert bright.sum() < 0.3 * 70 * 40 * cut.factor**2
            continue
        rows, columns = np.nonzero(bright)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.abs(moved.boxes[0] - seen).max() <= 1.5
        if masks:
            assert (bright != moved.masks[0]).sum() <= 0.04 * max(bright.sum(), 200)


def test_an_object_that_is_mostly_cut_off_becomes_an_ignore_region():
    labelled = objects((0, 0, 100, 50), (150, 60, 190, 110), masks=False)
    moved = cut_objects(labelled, Cut(1.0, 90, 40, 110, 80))
    assert moved.labels.tolist() == [2]
    assert moved.boxes.tolist() == [[60, 20, 100, 70]]
    assert moved.ignored.tolist() == [[0, 0, 10, 10]]


def test_an_object_without_mask_stays_one():
    target = make_target(objects((10, 10, 60, 60), masks=False, ignored=[(80, 80, 100, 100)]))
    assert target["has_mask"].tolist() == [False]
    assert target["boxes"].tolist() == [[10, 10, 60, 60]]
    assert target["ignored"].tolist() == [[80, 80, 100, 100]]


def test_mirroring_twice_changes_nothing():
    labelled = objects((10, 20, 60, 70), (100, 0, 200, 120), ignored=[(1, 2, 3, 4)])
    once = mirror_objects(labelled)
    assert once.boxes[0].tolist() == [140, 20, 190, 70]
    assert once.masks[0][20:70, 140:190].all()
    twice = mirror_objects(once)
    assert np.array_equal(twice.boxes, labelled.boxes)
    assert np.array_equal(twice.ignored, labelled.ignored)


def test_a_mosaic_holds_each_image_at_its_place():
    parts = [
        objects((2, 2, 20, 20), size=(40, 60)),
        objects((5, 5, 30, 30), size=(50, 40), ignored=[(0, 0, 4, 4)]),
    ]
    canvas, joined = join_mosaic([(paint(p), p) for p in parts], [(0, 0), (60, 50)], (100, 100))
    assert joined.boxes.tolist() == [[2, 2, 20, 20], [65, 55, 90, 80]]
    assert joined.ignored.tolist() == [[60, 50, 64, 54]]
    assert (canvas[joined.masks.any(axis=0)] == 255).all()


def test_a_focused_cut_holds_the_centre_of_an_object():
    labelled = objects((5, 5, 11, 11), (180, 90, 190, 100))
    centres = (labelled.boxes[:, :2] + labelled.boxes[:, 2:]) / 2
    seen = set()
    for seed in range(40):
        cut = draw_cut(
            np.random.default_rng(seed), labelled.boxes, (120, 200),
            scale=(2.0, 4.0), width=100, height=60, focus=1.0,
        )  # fmt: skip
        inside = centres * cut.factor - (cut.x, cut.y)
        seen.add(tuple(((inside >= 0) & (inside <= (100, 60))).all(axis=1)))
    assert seen == {(True, False), (False, True)}


def test_a_covering_cut_fills_its_rectangle():
    for seed in range(20):
        cut = draw_cut(
            np.random.default_rng(seed), np.zeros((0, 4), np.float32), (120, 200),
            scale=(1.0, 2.0), width=90, height=90, cover=True,
        )  # fmt: skip
        assert cut_image(np.zeros((120, 200, 3), np.uint8), cut).shape == (90, 90, 3)


def test_crowds_are_ignore_regions(tiny_dataset):
    from dataclasses import replace

    video = next(video for video in tiny_dataset.videos if video.tracks)
    frame = int(video.tracks[0].frames[0])
    single = read_objects(video, frame, tiny_dataset.species)
    crowd = replace(video, tracks=tuple(replace(track, crowd=True) for track in video.tracks))
    ignored = read_objects(crowd, frame, tiny_dataset.species)
    assert len(single.boxes)
    assert len(ignored.boxes) == 0
    assert np.array_equal(ignored.ignored, single.boxes)
