import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wildact.recipes import load_recipe
from wildact.train.detection import draw_frames
from wildact.train.paste import MAX_PASTED, Labelled, paste_animals

HEIGHT, WIDTH = 24, 40


def frame(value, *boxes, labels=None):
    """A grey frame with rectangular animals, animal k of grey level ``value + k + 1``."""
    image = np.full((HEIGHT, WIDTH, 3), value, np.uint8)
    masks = np.zeros((len(boxes), HEIGHT, WIDTH), bool)
    for k, (x1, y1, x2, y2) in enumerate(boxes):
        masks[k, y1:y2, x1:x2] = True
        image[masks[k]] = value + k + 1
    return Labelled(image, masks, labels or list(range(1, len(boxes) + 1)))


def test_a_pasted_animal_stays_in_its_rows_and_brings_its_pixels_and_its_label():
    empty, other = frame(0), frame(100, (10, 5, 18, 12), labels=[3])
    for seed in range(20):
        result = paste_animals(empty, [other], np.random.default_rng(seed))
        assert list(result.labels) == [3]
        (mask,) = result.masks
        rows = np.flatnonzero(mask.any(axis=1))
        if len(rows):  # else it has left the picture
            assert (rows[0], rows[-1]) == (5, 11)
        assert (result.image[mask] == 101).all()
        assert (result.image[~mask] == 0).all()
    assert (empty.image == 0).all()  # what was pasted into is as it was


def test_a_pasted_animal_brings_along_what_moved_around_it():
    """Of six channels, the last three say what moves."""
    empty, other = frame(0), frame(100, (10, 5, 18, 12))
    still = Labelled(np.dstack([empty.image, empty.image]), empty.masks, empty.labels)
    moving = Labelled(np.dstack([other.image, other.image // 2]), other.masks, other.labels)
    result = paste_animals(still, [moving], np.random.default_rng(0))
    (mask,) = result.masks
    assert mask.any()
    assert (result.image[mask] == [101] * 3 + [50] * 3).all()
    assert (result.image[~mask] == 0).all()


def test_it_lands_at_different_places_and_is_sometimes_mirrored():
    other = frame(100, (10, 5, 18, 12))
    other.image[5:12, 10:14] = 200  # its left half is bright
    left_bright, starts = set(), set()
    for seed in range(60):
        result = paste_animals(frame(0), [other], np.random.default_rng(seed))
        columns = np.flatnonzero(result.masks[0].any(axis=0))
        if len(columns) == 8:
            starts.add(int(columns[0]))
            left_bright.add(bool(result.image[5, columns[0], 0] == 200))
    assert left_bright == {True, False}
    assert len(starts) > 10


def test_without_animals_elsewhere_a_frame_stays_as_it_is():
    own = frame(0, (1, 1, 9, 9))
    assert paste_animals(own, [frame(50), frame(60)], np.random.default_rng(0)) is own
    assert paste_animals(own, [], np.random.default_rng(0)) is own


boxes = st.tuples(
    st.integers(0, WIDTH - 3), st.integers(0, HEIGHT - 3), st.integers(2, 12), st.integers(2, 12)
).map(lambda b: (b[0], b[1], min(WIDTH, b[0] + b[2]), min(HEIGHT, b[1] + b[3])))


@given(st.lists(boxes, max_size=3), st.lists(st.lists(boxes, max_size=3), max_size=3), st.integers(0, 99))
def test_no_pixel_belongs_to_two_animals_nor_shows_what_its_mask_does_not_say(own, others, seed):
    before = frame(0, *own)
    apart = np.cumsum(before.masks, axis=0)  # of two that overlap, the second lies in front
    masks = np.array([m & (apart[-1] - apart[k] == 0) for k, m in enumerate(before.masks)], bool)
    before = Labelled(before.image, masks.reshape(-1, HEIGHT, WIDTH), before.labels)
    result = paste_animals(
        before, [frame(50 * (k + 1), *b) for k, b in enumerate(others)], np.random.default_rng(seed)
    )
    pasted = len(result.labels) - len(own)
    assert 0 <= pasted <= MAX_PASTED
    assert len(result.masks) == len(result.labels)
    assert result.masks.sum(axis=0).max(initial=0) <= 1
    for k, mask in enumerate(result.masks[: len(own)]):
        assert (result.image[mask] == k + 1).all()
    anywhere = result.masks[len(own) :].any(axis=0)
    assert (result.image[~anywhere] == before.image[~anywhere]).all()
    assert (result.image[anywhere] >= 50).all()


def test_a_recipe_that_pastes_shows_more_animals_than_one_that_does_not(tiny_dataset):
    video = max(tiny_dataset.videos, key=lambda v: sum(len(track) for track in v.tracks))

    def count(share):
        data = load_recipe("maskrcnn_lite0_fpn", [f"data.paste={share}", "data.frames_per_video=4"]).data
        drawn = draw_frames(video, np.random.default_rng(0), species=tiny_dataset.species, data=data)
        return sum(len(target["labels"]) for _, target in drawn)

    assert count(1.0) > count(0.0) > 0
