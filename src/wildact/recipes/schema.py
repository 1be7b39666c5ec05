"""What a recipe may say. Unknown keys are errors, so that a misspelt one cannot be ignored.

A recipe is one TOML file with everything in it and nothing inherited; each number in the files carries
its source as a comment.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
            not taken over.
        frozen: prefixes of parameters that are not trained.
    """

    name: str
    architecture: dict[str, Any] = {}
    initial: str = "none"
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
        mosaic: probability that a frame is one of four on a canvas of ``width`` x ``height``; 0 for networks
            that see several frames.
        classes: what the detector finds; empty: the species of the data. Each category of the data becomes
            the class that ``categories`` gives it, else its supercategory or its name if that is a class;
            others are background.
        categories: category of the data to class; ``"*"`` stands for all others.
        shares: folder name of a data set to its share of the samples; empty: each video or image is visited
            once per round. With shares, every data set needs one.
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
    mosaic: Share = 0
    classes: tuple[str, ...] = ()
    categories: dict[str, str] = {}
    shares: dict[str, Positive] = {}

    @model_validator(mode="after")
    def _known_classes(self) -> Self:
        if unknown := sorted(set(self.categories.values()) - set(self.classes)):
            raise ValueError(f"'categories' names '{unknown[0]}', which is not among 'classes'")
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
        size: side of the crops, pixels; crops of their own aspect have about as many pixels.
        aspect: ``square``, or ``own``: crops have the proportions of the animal's box.
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
    aspect: Literal["square", "own"] = "square"
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]


class _Recipe(Section):
    """What every recipe says.

    Attributes:
        name: of the recipe.
        description: one line.
        notes: for the card of the weights: licences of the data, limits.
        seed: of everything that is drawn.
        model: see `Model`.
        optimizer: see `Optimizer`.
        schedule: see `Schedule`.
    """

    name: str
    description: str
    notes: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    model: Model
    optimizer: Optimizer
    schedule: Schedule


class DetectionRecipe(_Recipe):
    """How a detector is trained: with ``window`` one that sees several frames, else one of single frames.

    Attributes:
        min_score: default confidence, for the card of the weights; None: not chosen.
    """

    kind: Literal["detector"]
    min_score: Annotated[float, Field(gt=0, lt=1)] | None = None
    data: DetectionData
    window: Window | None = None

    @model_validator(mode="after")
    def _window_for_video(self) -> Self:
        if (self.window is not None) != self.model.name.startswith("fgfa_"):
            raise ValueError("'window' belongs to the detectors fgfa_*, and they need it")
        if self.window is not None and (self.data.mosaic or self.data.shares):
            raise ValueError("'data.mosaic' and 'data.shares' are for detectors that see single frames")
        return self


class Probe(Section):
    """How the clips of a linear probe are chosen; their features are computed once.

    Attributes:
        hop_s: seconds from one clip of a labelled bout to the next.
        mirrored: the mirror image of each clip is a sample, too.
    """

    hop_s: Positive
    mirrored: bool


PROBE = "lite0_probe"
"""The network that is trained as a linear probe."""


class RecognitionRecipe(_Recipe):
    """How an action network is trained.

    Attributes:
        label_smoothing: share of the truth that goes to all actions alike.
        probe: see `Probe`; no other changes of the clips are made.
    """

    kind: Literal["recognizer"]
    label_smoothing: Share = 0
    data: RecognitionData
    probe: Probe | None = None

    @model_validator(mode="after")
    def _probe_of_model(self) -> Self:
        if (self.probe is not None) != (self.model.name == PROBE):
            raise ValueError(f"'probe' belongs to the network {PROBE}, which needs it")
        if self.probe is not None and not {"body", "conv_head"} <= set(self.model.frozen):
            raise ValueError('\'model.frozen\' must hold "body" and "conv_head": features are computed once')
        if self.data.aspect == "own" and self.probe is None:
            raise ValueError(f"'data.aspect' is \"own\" for {PROBE} only: clips of a batch have one shape")
        return self


class NamerData(Section):
    """How pictures of animals are cut, drawn and changed before a namer sees them.

    Attributes:
        crops_per_label: pictures drawn of each label of each data set, about.
        max_views: of one animal, at most.
        size: of a picture, pixels.
        context: side of a picture as a multiple of the longer side of the animal's box, in an analysis.
        context_range: the same in training, drawn at random.
        box_jitter: largest random shift of a box, as a share of its size.
        flip: probability of a mirror image.
        small: probability of a loss of resolution, as of a distant animal.
        brightness: largest change of brightness and contrast, as a share.
        blur: probability of a soft focus.
        noise: largest standard deviation of added sensor noise, grey levels.
        mean: of each channel in [0, 1].
        std: of each channel.
    """

    crops_per_label: Count
    max_views: Count
    size: Count
    context: Positive
    context_range: tuple[Positive, Positive]
    box_jitter: Annotated[float, Field(ge=0, lt=0.5)]
    flip: Share
    small: Share
    brightness: Share
    blur: Share
    noise: Annotated[float, Field(ge=0)]
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]


class Naming(Section):
    """How the last layer of a namer is trained, and when a name is sure enough.

    Attributes:
        learning_rate: of Adam, at its highest; it falls by a cosine.
        batch_size: pictures per step.
        epochs: rounds over the pictures.
        keep: strength with which the weights are held to those that they start from.
        rehearse: weight of the loss on drawn features of all kinds of the initial head, whose answers are to
            stay as they were; 0: none.
        label_power: a picture weighs as the number of pictures of its label to the minus this.
        fusion: of the pictures of one animal: ``mean`` of probabilities, or ``log_mean``.
        precision: share of names below ``animal`` that must be right on the validation data.
    """

    learning_rate: Positive
    batch_size: Count
    epochs: Count
    keep: Annotated[float, Field(ge=0)]
    rehearse: Annotated[float, Field(ge=0)]
    label_power: Share
    fusion: Literal["mean", "log_mean"]
    precision: Annotated[float, Field(gt=0, lt=1)]


class NamerRecipe(Section):
    """How a namer is trained: its body is frozen, its last layer learns from pictures of single animals."""

    kind: Literal["namer"]
    name: str
    description: str
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    model: Model
    data: NamerData
    naming: Naming


AnyRecipe = DetectionRecipe | RecognitionRecipe | NamerRecipe
Recipe = Annotated[AnyRecipe, Field(discriminator="kind")]
