import numpy as np

from wildact.train.augment import Look, apply_look, draw_look, scale_and_crop

PLAIN = Look(gray=False, gain=1, offset=0, blur=0, noise=0)


def image(seed=0, shape=(40, 60, 3)):
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


def test_the_plain_look_changes_nothing():
    assert (apply_look(image(), PLAIN, np.random.default_rng(0)) == image()).all()


def test_gray_removes_colour_and_gain_scales():
    rng = np.random.default_rng(0)
    gray = apply_look(image(), Look(True, 1, 0, 0, 0), rng)
    assert (gray == gray[..., :1]).all()
    darker = apply_look(np.full((4, 4, 3), 200, np.uint8), Look(False, 0.5, 10, 0, 0), rng)
    assert (darker == 110).all()


def test_noise_has_the_stated_strength():
    flat = np.full((200, 200, 3), 128, np.uint8)
    noisy = apply_look(flat, Look(False, 1, 0, 0, 6.0), np.random.default_rng(0))
    assert 5 < noisy.astype(float).std() < 7


def test_the_same_generator_gives_the_same_look():
    looks = [
        draw_look(np.random.default_rng(3), grayscale=0.5, brightness=0.3, blur=0.5, noise=8)
        for _ in range(2)
    ]
    assert looks[0] == looks[1]


def test_masks_follow_the_picture():
    picture = np.zeros((120, 200, 3), np.uint8)
    picture[40:80, 50:120] = 255
    masks = (picture[..., 0] > 0)[None]
    for seed in range(20):
        out, moved = scale_and_crop(
            np.random.default_rng(seed), picture, masks, scale=(0.5, 2.0), width=200, height=120
        )
        assert out.shape[:2] == moved.shape[1:]
        assert out.shape[0] <= 120
        assert out.shape[1] <= 200
        disagree = (out[..., 0] > 127) != moved[0]
        assert disagree.sum() <= 0.04 * max(moved.sum(), 200)


def test_no_masks_stay_no_masks():
    out, masks = scale_and_crop(
        np.random.default_rng(0), image(), np.zeros((0, 40, 60), bool), scale=(0.5, 0.5), width=60, height=40
    )
    assert masks.shape == (0, *out.shape[:2])


def test_a_focused_cut_holds_the_middle_of_an_animal():
    masks = np.zeros((2, 120, 200), bool)
    masks[0, 5:11, 5:11] = masks[1, 90:100, 180:190] = True
    seen = []
    for seed in range(40):
        _, moved = scale_and_crop(
            np.random.default_rng(seed), np.zeros((120, 200, 3), np.uint8), masks,
            scale=(2.0, 4.0), width=100, height=60, focus=1.0,
        )  # fmt: skip
        assert moved.shape[1:] == (60, 100)
        seen.append(tuple(moved.any(axis=(1, 2))))
        assert any(seen[-1])
    assert {(True, False), (False, True)} <= set(seen)
