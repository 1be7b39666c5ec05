from __future__ import annotations

import weakref
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from wildact.decode import LightSampler, VideoReader, classify_light
from wildact.types import Frame, Image, Light

ZAMBA = Path(__file__).parents[2].parent / "shared" / "data" / "video" / "zamba"


def scene(brightness: float, colour: tuple[float, float, float], *, noise: float = 0.0) -> Image:
    """A (180, 320, 3) texture of one hue, as JPEG stores it."""
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.random((180, 320)).astype(np.float32), (0, 0), 3)
    texture = 0.5 + (texture - texture.min()) / (texture.max() - texture.min())
    image = brightness * texture[..., None] * np.array(colour) + rng.normal(0, noise, (180, 320, 3))
    coded = cv2.imencode(
        ".jpg", np.clip(image, 0, 255).astype(np.uint8)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80]
    )[1]
    return np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])


GREEN, BLUE, PALE, GREY = (0.9, 1.1, 0.7), (0.88, 0.98, 1.14), (1.07, 1.0, 0.93), (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("image", "light"),
    [
        (scene(120, GREEN), "day"),
        (scene(70, GREEN), "day"),
        (scene(25, GREEN), "dusk"),
        (scene(65, BLUE), "dusk"),
        (scene(65, PALE), "dusk"),
        (scene(120, BLUE), "day"),
        (scene(120, PALE), "day"),
        (scene(25, GREY), "ir"),
        (scene(150, GREY), "ir"),
        (scene(100, GREY, noise=6), "ir"),
        (scene(60, GREY) + np.array([0, 0, 2], np.uint8), "ir"),  # Motion JPEG, a step of colour off
    ],
)
def test_light_of_drawn_scenes(image: Image, light: Light) -> None:
    assert classify_light([image]) == light


def test_coloured_banners_do_not_count() -> None:
    image = scene(80, GREY)
    image[:20] = (255, 60, 20)
    image[-20:] = (20, 60, 255)
    assert classify_light([image]) == "ir"


def test_one_odd_frame_does_not_count() -> None:
    assert classify_light([scene(10, GREEN), scene(120, GREEN), scene(120, GREEN)]) == "day"
    assert classify_light([scene(120, GREEN), scene(90, GREY), scene(90, GREY)]) == "ir"


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (47, 200)])
def test_any_size(size: tuple[int, int]) -> None:
    assert classify_light([np.full((*size, 3), 90, np.uint8)]) == "ir"


def test_no_image_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        classify_light([])


@pytest.mark.parametrize("length", [1, 2, 17, 18, 100, 1000])
def test_a_long_video_is_judged_by_frames_from_all_over_it(length: int) -> None:
    """A third of it is infrared, the rest is not; by its first frames alone it would be the former."""
    night, day = scene(100, GREY), scene(120, GREEN)
    frames = [Frame(k, Fraction(k), (night if 3 * k < length else day).copy()) for k in range(length)]
    sampler = LightSampler()
    assert [frame.index for frame in sampler.watch(iter(frames))] == list(range(length))
    assert sampler.classify() == ("ir" if length == 1 else classify_light([f.image for f in frames]))


def test_sampled_frames_are_not_kept() -> None:
    sampler = LightSampler()
    images = []

    def source():  # type: ignore[no-untyped-def]
        for k in range(40):
            image = scene(100, GREY)
            images.append(weakref.ref(image))
            yield Frame(k, Fraction(k), image)
            del image

    for _ in sampler.watch(source()):
        assert sum(image() is not None for image in images) <= 2
    assert sampler.classify() == "ir"


@pytest.mark.parametrize("name", ["PICT0074.ASF", "baboon_07120049.AVI", "chimp.mp4", "gorilla_EK000059.AVI",
                                  "ir_09100029_Eland.MP4", "ir_EK000019.AVI"])  # fmt: skip
def test_real_clips(name: str) -> None:
    path = ZAMBA / name
    if not path.exists():
        pytest.skip(f"the real clip {name} is not on this machine")
    with VideoReader(path) as reader:
        images = [frame.image for frame in reader.frames(lambda index, time: index % 12 == 0)]
    assert classify_light(images) == ("ir" if name.startswith("ir_") else "day")
