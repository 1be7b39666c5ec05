"""``wildact simulate``: a folder of camera-trap videos with exact truth, in the native data format."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from wildact.decode.writer import VideoWriter
from wildact.errors import OutputError, UsageError
from wildact.export.youtube_vis import save_data_set
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import mask_to_box
from wildact.simulate.animals import ACTIONS, SPECIES, Animal
from wildact.simulate.banner import Banner, draw_banner
from wildact.simulate.behaviour import Plan, plan_animals
from wildact.simulate.camera import draw_look
from wildact.simulate.clip import Actor, Weather, simulate_clip
from wildact.simulate.habitats import HABITATS, Habitat
from wildact.simulate.scene import Scene, build_scene
from wildact.simulate.sign import Sign, draw_sign
from wildact.types import Light, Rle, Track, VideoInfo

GENERATOR = "wildact simulate"
FRAME_RATES = (Fraction(10), Fraction(15), Fraction(25), Fraction(30), Fraction(30000, 1001))

_GOLDEN = 0.6180339887498949
_HOURS: dict[Light, tuple[int, ...]] = {
    "day": tuple(range(8, 18)),
    "dusk": (5, 6, 19, 20),
    "ir": (21, 22, 23, 0, 1, 2, 3, 4),
}
_SITE, _CAMERA, _VIDEO, _ORDER = range(4)  # what a random generator is for: the second number of its seed


@dataclass(frozen=True)
class SimulationSettings:
    """What to simulate.

    Attributes:
        videos: how many.
        seed: of everything; different seeds share no site and no camera.
        seconds: length of each video.
        width: of the frames, pixels, even.
        height: of the frames, pixels, even.
        sites: how many places.
        cameras_per_site: how many at each.
        lights: what to draw from.
        blank_share: share of videos without an animal, in [0, 1].
        max_animals: most animals in one video.
        fps: frame rate; None: a mixture of those that cameras have.
    """

    videos: int = 20
    seed: int = 0
    seconds: float = 8.0
    width: int = 640
    height: int = 360
    sites: int = 4
    cameras_per_site: int = 2
    lights: tuple[Light, ...] = ("day", "dusk", "ir")
    blank_share: float = 0.15
    max_animals: int = 4
    fps: Fraction | None = None


def simulate_dataset(
    out: Path,
    settings: SimulationSettings,
    *,
    workers: int = 1,
    on_video: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a simulated data set; an earlier one in the same folder is replaced.

    Video k depends on the settings and k alone: the truth is the same, byte for byte, however many workers
    there are.

    Args:
        out: folder, made where missing.
        settings: what to simulate.
        workers: processes; 1: this one.
        on_video: called with the number of videos done and their total after each.

    Returns:
        ``out``.

    Raises:
        OutputError: if ``out`` holds something else, or cannot be written to.
        UsageError: if a setting is impossible.
    """
    _check_settings(settings)
    _prepare(out, settings)
    videos = []
    for video in _run(out, settings, workers):
        videos.append(video)
        if on_video is not None:
            on_video(len(videos), settings.videos)
    _save(out, settings, videos)
    return out


def _run(out: Path, settings: SimulationSettings, workers: int) -> Iterator[LabelledVideo]:
    job = partial(simulate_video, out, settings)
    if workers <= 1:
        yield from map(job, range(settings.videos))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(job, range(settings.videos))


def simulate_video(out: Path, settings: SimulationSettings, index: int) -> LabelledVideo:
    """Draw, encode and label video ``index`` (from 0) of a data set in the folder ``out``.

    Raises:
        OutputError: if the video cannot be written.
    """
    rng = np.random.default_rng([settings.seed, _VIDEO, index])
    site, camera = _place(settings, index)
    scene, banner, sign = _build_camera(settings.seed, settings.width, settings.height, site, camera)
    names = _names(settings.seed, site, camera)
    light = settings.lights[_turn(settings.seed, len(settings.lights), index, salt=1)]
    fps = settings.fps or FRAME_RATES[rng.integers(len(FRAME_RATES))]
    codec: Literal["h264", "mjpeg"] = "mjpeg" if rng.random() < 0.25 else "h264"
    frames = max(1, round(settings.seconds * fps))
    actors = _actors(settings, index, scene, rng)
    look = draw_look(scene, light, rng)
    start, celsius = _moment(scene.habitat, light, rng)
    path = (
        out
        / "videos"
        / names[0]
        / names[1]
        / f"{names[1]}-{index:05d}.{'avi' if codec == 'mjpeg' else 'mp4'}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    seen: dict[int, dict[int, Rle]] = {actor.track_id: {} for actor in actors}
    clip = simulate_clip(
        scene, look, actors, _weather(not actors, settings.seconds, rng), banner,
        sign=sign, start=start, celsius=celsius, frames=frames, fps=fps, rng=rng,
    )  # fmt: skip
    with VideoWriter(path, width=settings.width, height=settings.height, fps=fps, codec=codec) as writer:
        for k, frame in enumerate(clip):
            writer.write(frame.image)
            for track_id, mask in frame.visible.items():
                seen[track_id][k] = mask
    shown = [actor for actor in actors if seen[actor.track_id]]
    info = VideoInfo(path, settings.width, settings.height, fps, frames, frames / fps, codec)
    return LabelledVideo(
        info=info,
        site=names[0],
        camera=names[1],
        light=light,
        tracks=tuple(_track(actor, seen[actor.track_id]) for actor in shown),
        actions=tuple(label for actor in shown for label in _labels(actor, seen[actor.track_id], fps)),
        recorded=start.isoformat(),
    )


def _track(actor: Actor, seen: dict[int, Rle]) -> Track:
    frames = sorted(seen)
    masks = tuple(seen[k] for k in frames)
    return Track(
        track_id=actor.track_id,
        label=actor.animal.species,
        label_score=1.0,
        frames=np.array(frames, np.int64),
        boxes=np.stack([mask_to_box(mask) for mask in masks]),
        scores=np.ones(len(frames), np.float32),
        masks=masks,
    )


def _labels(actor: Actor, seen: dict[int, Rle], fps: Fraction) -> list[ActionLabel]:
    """Runs of equal action from the first to the last frame on which the animal is visible."""
    first, last = min(seen), max(seen)
    actions = [actor.plan.at(float(k / fps)).action for k in range(first, last + 1)]
    starts = [k for k in range(len(actions)) if k == 0 or actions[k] != actions[k - 1]]
    ends = [*starts[1:], len(actions)]
    return [
        ActionLabel(actor.track_id, actions[a], first + a, first + b)
        for a, b in zip(starts, ends, strict=True)
    ]


# -- what is where, and when ------------------------------------------------------------------------------


def _turn(seed: int, count: int, index: int, *, salt: int) -> int:
    """A number below ``count`` for each index: each comes once in every block of ``count``, shuffled."""
    block, place = divmod(index, count)
    return int(np.random.default_rng([seed, _ORDER, salt, block]).permutation(count)[place])


def _place(settings: SimulationSettings, index: int) -> tuple[int, int]:
    cameras = settings.sites * settings.cameras_per_site
    return divmod(_turn(settings.seed, cameras, index, salt=2), settings.cameras_per_site)


def _names(seed: int, site: int, camera: int) -> tuple[str, str]:
    """Of a site and a camera."""
    name = f"S{seed:03d}-{site:02d}"
    return name, f"{name}-C{camera + 1}"


@lru_cache(maxsize=16)
def _build_camera(
    seed: int, width: int, height: int, site: int, camera: int
) -> tuple[Scene, Banner, Sign | None]:
    """What one camera sees and writes over it; kept, because a camera takes many videos."""
    order = np.random.default_rng([seed, _SITE]).permutation(len(HABITATS))
    rng = np.random.default_rng([seed, _CAMERA, site, camera])
    scene = build_scene(width, height, HABITATS[order[site % len(HABITATS)]], rng)
    banner = draw_banner(_names(seed, site, camera)[1], rng)
    return scene, banner, draw_sign(width, height, banner.rows(height), rng)


def _actors(
    settings: SimulationSettings, index: int, scene: Scene, rng: np.random.Generator
) -> tuple[Actor, ...]:
    """The animals of a video: mostly one, or a group of one species."""
    blank = ((index + 1) * _GOLDEN + settings.seed * 0.37) % 1.0 < settings.blank_share
    if blank or settings.max_animals == 0:
        return ()
    weights = np.array([0.46, 0.26, 0.17, 0.11] + [0.08] * max(0, settings.max_animals - 4))[
        : settings.max_animals
    ]
    number = int(rng.choice(len(weights), p=weights / weights.sum())) + 1
    species = [SPECIES[rng.integers(len(SPECIES))]] * number
    if rng.random() < 0.25:
        species = [SPECIES[rng.integers(len(SPECIES))] for _ in species]
    animals = [Animal(name, rng) for name in species]
    plans: tuple[Plan, ...] = plan_animals(animals, scene, settings.seconds, rng)
    return tuple(
        Actor(k, animal, plan) for k, (animal, plan) in enumerate(zip(animals, plans, strict=True), start=1)
    )


def _weather(blank: bool, seconds: float, rng: np.random.Generator) -> Weather:
    """Mostly a light wind; what triggered a camera without an animal was a gust or a change of light."""
    wind = float(rng.uniform(0.7, 1.6) if blank else rng.choice([0.15, 0.4, 0.9]) * rng.uniform(0.5, 1.2))
    cloudy = rng.random() < (0.6 if blank else 0.1)
    return Weather(
        wind=wind,
        gusts_hz=float(rng.uniform(0.1, 0.4)),
        cloud=float(rng.uniform(0.2, 0.5)) if cloudy else 0.0,
        cloud_s=float(rng.uniform(0, seconds)),
    )


def _moment(habitat: Habitat, light: Light, rng: np.random.Generator) -> tuple[datetime, int]:
    """When a video was taken, and the temperature then."""
    month, hours = int(rng.choice(habitat.months)), _HOURS[light]
    start = datetime(
        int(rng.integers(2019, 2026)), month, int(rng.integers(1, 29)),
        hours[rng.integers(len(hours))], int(rng.integers(60)), int(rng.integers(60)),
    )  # fmt: skip
    celsius = (
        12
        - 11 * np.cos(2 * np.pi * (month - 1) / 12) * 0.9
        + (4 if light == "day" else -3)
        + rng.normal(0, 3)
    )
    return start, round(celsius)


# -- the folder -------------------------------------------------------------------------------------------


def _check_settings(settings: SimulationSettings) -> None:
    positive = ("videos", "seconds", "width", "height", "sites", "cameras_per_site")
    for name in positive:
        if getattr(settings, name) <= 0:
            raise UsageError(f"the simulation's '{name}' must be positive, not {getattr(settings, name)}.")
    if settings.width % 2 or settings.height % 2:
        raise UsageError(
            f"H.264 needs an even size, not {settings.width}x{settings.height}; choose even numbers."
        )
    if settings.seed < 0 or settings.max_animals < 0 or not 0 <= settings.blank_share <= 1:
        raise UsageError(
            "the simulation's 'seed' and 'max_animals' must not be negative, 'blank_share' be in [0, 1]."
        )
    if not settings.lights or (settings.fps is not None and settings.fps <= 0):
        raise UsageError("the simulation needs at least one of 'lights', and a positive 'fps'.")


def _prepare(out: Path, settings: SimulationSettings) -> None:
    """Make the folder, or empty it of an earlier simulation; never of anything else."""
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            if not _is_simulated(out):
                raise OutputError(
                    f"{out} is not empty and holds no simulated data set; choose an empty folder."
                )
            if (out / "videos").is_dir() and not (out / "videos").is_symlink():
                shutil.rmtree(out / "videos")
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error.strerror}); choose another folder.") from error
    _save(out, settings, [])  # marks the folder as ours, should the run be cut off


def _is_simulated(folder: Path) -> bool:
    try:
        document: Any = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
        return bool(document["info"]["generator"] == GENERATOR)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _save(out: Path, settings: SimulationSettings, videos: list[LabelledVideo]) -> None:
    info = {
        "description": "Simulated camera-trap videos with exact truth",
        "version": "1",
        "seed": settings.seed,
        "generator": GENERATOR,
    }
    save_data_set(out, videos, categories=SPECIES, actions=ACTIONS, info=info)
