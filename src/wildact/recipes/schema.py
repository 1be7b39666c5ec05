"""What a recipe may say. Unknown keys are errors, so that a misspelt one cannot be ignored.

A recipe is one TOML file with everything in it and nothing inherited; each number in the files carries
its source as a comment.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from wildact.errors import RecipeError, UsageError

FOLDER = Path(__file__).parent
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table of the recipe: read-only, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Model(Section):
    """The network.

    Attributes:
        name: key of DETECTORS or RECOGNIZERS.
        architecture: arguments of its builder.
        initial: weights to start from: ``imagenet`` (backbone); ``coco`` or ``kinetics400``, the published
            ones of this network; ``none``; or a weights name or file. A head of another number of classes is
            not taken over. Several files: the mean of their weights, which are to be those of one network
            at different times of its training; of a part that not all of them have, that of those which do.
        frozen: prefixes of parameters that are not trained.
    """

    name: str
    architecture: dict[str, Any] = {}
    initial: str | Annotated[tuple[str, ...], Field(min_length=2)] = "none"
    frozen: tuple[str, ...] = ()


class Optimizer(Section):
    """The optimiser and how long it runs.

    Attributes:
        name: ``sgd`` or ``adamw``.
        learning_rate: at its highest.
        momentum: of SGD; AdamW keeps its usual betas.
        weight_decay: on kernels and matrices (AdamW), on everything (SGD).
        batch_size: samples per step, of all devices together.
        iterations: steps in all; or
        epochs: rounds over the data set in all. One of the two.
        clip_norm: gradients are scaled down to this norm; 0: never.
        averaged_iterations: the weights are the mean of those after each of so many last iterations; 0: those
            of the last one.
        checkpoint_iterations: a run that is interrupted loses no more than so many.
        validation_iterations: from one validation to the next, where there are videos to validate on.
        precision: of the arithmetic: ``32-true``; ``bf16-mixed`` or ``16-mixed`` on GPUs.
    """

    name: Literal["sgd", "adamw"]
    learning_rate: Positive
    momentum: Share = 0.9
    weight_decay: Annotated[float, Field(ge=0)]
    batch_size: Count
    iterations: Count | None = None
    epochs: Count | None = None
    clip_norm: Annotated[float, Field(ge=0)] = 0
    averaged_iterations: Annotated[int, Field(ge=0)] = 0
    checkpoint_iterations: Count = 100
    validation_iterations: Count = 500
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.iterations is None) == (self.epochs is None):
            raise ValueError("give either 'iterations' or 'epochs'")
        return self

    def count_iterations(self, per_epoch: int) -> int:
        """Steps in all, where an epoch has ``per_epoch`` of them."""
        return self.iterations or (self.epochs or 0) * per_epoch


class Schedule(Section):
    """How the learning rate goes: a warm-up, then constant, a cosine to 0, or steps down.

    Attributes:
        name: ``constant``, ``cosine`` or ``step``.
        step_epochs: of ``step``: epochs from one step down to the next; or
        step_iterations: the same in iterations.
        gamma: of ``step``: the factor of each step down.
        warmup_iterations: length of the warm-up; or
        warmup_epochs: the same in epochs. It is linear in the iterations.
        warmup_factor: share of the learning rate at the first iteration.
        cosine_after_warmup: the cosine begins where the warm-up ends; false: it spans the whole training, and
            the warm-up leads to where it has got by then.
    """

    name: Literal["constant", "cosine", "step"]
    step_epochs: Count | None = None
    step_iterations: Count | None = None
    gamma: Share | None = None
    warmup_iterations: Annotated[int, Field(ge=0)] = 0
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    warmup_factor: Share = 1.0
    cosine_after_warmup: bool = True

    @model_validator(mode="after")
    def _complete(self) -> Self:
        lengths = sum(length is not None for length in (self.step_epochs, self.step_iterations))
        if lengths > 1:
            raise ValueError("give either 'step_epochs' or 'step_iterations'")
        if lengths + (self.gamma is not None) != (2 if self.name == "step" else 0):
            raise ValueError(
                "'step_epochs' (or 'step_iterations') and 'gamma' belong to the schedule 'step', "
                "which needs both"
            )
        if self.warmup_iterations and self.warmup_epochs:
            raise ValueError("give either 'warmup_iterations' or 'warmup_epochs'")
        return self


class DetectionData(Section):
    """How frames are drawn and changed before a detector sees them.

    Attributes:
        frames_per_video: drawn at each visit of a video.
        blank_share: share of the drawn frames that may hold no animal.
        flip: probability of a mirror image.
        scale: range of random scaling; 1: the whole frame fills ``width`` x ``height``.
        focus: probability that the cut of a scaled frame holds an animal's middle; else it lies anywhere.
        width: of the frames fed, pixels: larger ones are cut at random, smaller ones left as they are.
        height: of the frames fed, pixels.
        grayscale: probability of losing the colour (infrared cameras).
        brightness: largest change of brightness and contrast, as a share.
        blur: probability of a soft focus.
        noise: largest standard deviation of added sensor noise, grey levels.
        paste: probability that animals of the video's other drawn frames are pasted into a frame; 0 for
            networks that see several frames.
        classes: that the detector is to tell apart, in order; empty: the species of the data.
        class_of: category of the data -> one of ``classes``; ``*``: all others. Categories that it does not
            name become their supercategory, or keep their name, where that is a class; else they are
            background.
    """

    frames_per_video: Count
    blank_share: Share
    flip: Share
    scale: tuple[Positive, Positive]
    focus: Share
    width: Count
    height: Count
    grayscale: Share
    brightness: Share
    blur: Share
    noise: Annotated[float, Field(ge=0)]
    paste: Share = 0
    classes: tuple[str, ...] = ()
    class_of: dict[str, str] = {}

    @model_validator(mode="after")
    def _known_classes(self) -> Self:
        if unknown := sorted(set(self.class_of.values()) - set(self.classes)):
            raise ValueError(f"'class_of' names '{unknown[0]}', which is not among 'classes'")
        return self


class Window(Section):
    """Which frames of its video a detector sees beside the one it learns from, changed as that one is.

    Attributes:
        neighbours: how many, drawn at random.
        max_offset: frames between them and that one, at most.
    """

    neighbours: Count
    max_offset: Count


class RecognitionData(Section):
    """How clips are drawn and changed before an action network sees them.

    Attributes:
        clips_per_video: drawn at each visit of a video.
        num_frames: T.
        rate: frames per second of a clip.
        size: of the crops, pixels.
        context: side of a crop as a multiple of the animal's size.
        balanced: draw the actions equally often, however rare they are.
        box_jitter: largest random shift of each border of a track's boxes, as a share of their size.
        rate_jitter: largest random change of ``rate``, as a share.
        flip, grayscale, brightness, blur, noise: as for detection.
        mean: of each channel in [0, 1].
        std: of each channel.
    """

    clips_per_video: Count
    num_frames: Count
    rate: Positive
    size: Count
    context: Positive
    balanced: bool
    box_jitter: Annotated[float, Field(ge=0, lt=0.5)]
    rate_jitter: Share
    flip: Share
    grayscale: Share
    brightness: Share
    blur: Share
    noise: Annotated[float, Field(ge=0)]
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]


class _Recipe(Section):
    name: str
    description: str
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    model: Model
    optimizer: Optimizer
    schedule: Schedule


REFINING = ("maskrcnn_lite0_fpn", "motion_maskrcnn_lite0_fpn")
"""Detectors that move their proposals before they judge them, and may learn from the moved ones."""


class FineMasks(Section):
    """How a trained detector learns to look closely at what it found; nothing else of it is trained.

    Attributes:
        boxes_per_animal: on each drawn frame, of those in which the detector sees the animal.
        box_noise: standard deviation by which their borders are moved, as a share of their size.
        boxes_per_visit: drawn, of all of a video, at each visit of it.
    """

    boxes_per_animal: Count
    box_noise: Annotated[float, Field(ge=0, lt=0.5)]
    boxes_per_visit: Count


class DetectionRecipe(_Recipe):
    """How a detector is trained: with ``window`` one that sees several frames, else one of single frames.

    Attributes:
        fine_masks: see `FineMasks`; frames are then drawn at the first visit of a video only, and each box
            has a look of its own.
        refined: the heads learn from the places that proposals are moved to, too, as they judge those; for
            networks that move them (see `wildact.detect.heads.refine_proposals`).
    """

    kind: Literal["detector"]
    data: DetectionData
    window: Window | None = None
    fine_masks: FineMasks | None = None
    refined: bool = False

    @model_validator(mode="after")
    def _window_for_video(self) -> Self:
        if (self.window is not None) != self.model.name.startswith("fgfa_"):
            raise ValueError("'window' belongs to the detectors fgfa_*, and they need it")
        if self.window is not None and self.data.paste:
            raise ValueError("'data.paste' is for detectors that see single frames: fgfa_* take 0")
        if self.refined and self.model.name not in REFINING:
            raise ValueError(f"'refined' is for {' and '.join(REFINING)}, which move their proposals")
        return self

    @model_validator(mode="after")
    def _fine_masks_of_model(self) -> Self:
        drawn = bool(self.model.architecture.get("fine_masks"))
        if not drawn:
            if self.fine_masks is not None:
                raise ValueError("'fine_masks' needs 'model.architecture.fine_masks'")
            return self
        if self.fine_masks is None and "fine_masks" not in self.model.frozen:
            raise ValueError(
                "'model.architecture.fine_masks' needs 'fine_masks', which says how they are learned, or "
                "\"fine_masks\" in 'model.frozen', to keep those of 'model.initial'"
            )
        if self.model.name != "maskrcnn_lite0_fpn":
            raise ValueError("'fine_masks' is for maskrcnn_lite0_fpn")
        if self.model.initial in ("none", "imagenet", "coco"):
            raise ValueError("'fine_masks' needs a trained detector: name it in 'model.initial'")
        return self


class TrackContext(Section):
    """How a trained action network learns to look at tracks as a whole; nothing else of it is trained.

    Attributes:
        tracks_per_video: drawn at each visit of a video.
        hop_s: seconds from one clip of a track to the next.
        box_noise: largest standard deviation of noise added to a track's boxes, as a share of their size.
    """

    tracks_per_video: Count
    hop_s: Positive
    box_noise: Annotated[float, Field(ge=0, lt=0.5)]


class RecognitionRecipe(_Recipe):
    """How an action network is trained: with ``track_context`` only what looks at tracks as a whole.

    Attributes:
        label_smoothing: share of the truth that goes to all actions alike.
        data: clips; with ``track_context`` as the action network was trained on them.
        track_context: see `TrackContext`.
    """

    kind: Literal["recognizer"]
    label_smoothing: Share = 0
    data: RecognitionData
    track_context: TrackContext | None = None

    @model_validator(mode="after")
    def _context_of_model(self) -> Self:
        if (self.track_context is not None) != ("track_context" in self.model.architecture):
            raise ValueError("'track_context' and 'model.architecture.track_context' belong together")
        if self.track_context is not None and self.model.initial in ("none", "imagenet", "kinetics400"):
            raise ValueError("'track_context' needs a trained action network: name it in 'model.initial'")
        return self


Recipe = Annotated[DetectionRecipe | RecognitionRecipe, Field(discriminator="kind")]
_ADAPTER: TypeAdapter[DetectionRecipe | RecognitionRecipe] = TypeAdapter(Recipe)


def list_recipes() -> list[str]:
    """Names of the recipes in the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def find_recipe(name_or_path: str) -> Path:
    """The file of one of `list_recipes`, or the TOML file that is named.

    Raises:
        UsageError: if there is no such recipe.
    """
    if name_or_path in list_recipes():
        return FOLDER / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if not path.is_file():
        raise UsageError(f"there is no recipe '{name_or_path}'; there are: {', '.join(list_recipes())}.")
    return path


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> DetectionRecipe | RecognitionRecipe:
    """Read a recipe and check every key.

    Args:
        name_or_path: one of `list_recipes`, or a TOML file.
        overrides: ``optimizer.learning_rate=0.001`` and the like; the value is TOML. ``optimizer.epochs=``
            takes a key out, e.g. to give ``optimizer.iterations`` in its place.

    Raises:
        UsageError: if there is no such recipe.
        RecipeError: naming the key that is unknown, missing or impossible.
    """
    path = find_recipe(name_or_path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}.") from error
    for override in overrides:
        _override(content, override)
    try:
        return _ADAPTER.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"][1:])
        raise RecipeError(f"{path}: {key or 'kind'}: {first['msg']} (got {first['input']!r}).") from error


def _override(content: dict[str, Any], override: str) -> None:
    """Set ``a.b=value`` in the recipe; a value that is no TOML is taken as text, and none removes the key."""
    key, separator, text = override.partition("=")
    if not separator:
        raise UsageError(f"'{override}' is not of the form key=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, last = key.strip().split(".")
    table: Any = content
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise RecipeError(f"'{key}' is not a key of this recipe.")
    if text.strip():
        table[last] = value
    else:
        table.pop(last, None)
