import numpy as np

from wildact.train.augment import Look, apply_look, draw_look

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
