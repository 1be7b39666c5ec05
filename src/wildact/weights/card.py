"""The card that says what a weights file is."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Kind = Literal["detector", "recognizer", "namer", "flow"]


class WeightCard(BaseModel):
    """What a weights file is, what it wants to see, and how well it does.

    Attributes:
        name: the builder's name in ``DETECTORS``, ``RECOGNIZERS``, ``NAMERS`` or, of a part of a detector,
            ``FLOWS``.
        kind: what the network does.
        file: name of the file.
        licence: of the weights.
        classes: without the background; a network's label ``i`` (0: background) of a detector is
            ``classes[i - 1]``, output ``i`` of a recognizer or namer is ``classes[i]``; a flow has none.
        keep_classes: those of ``classes`` that are reported; None: all.
        min_score: confidence above which a detector's answers are shown by default; None: not chosen.
        preprocessing: what the network wants: mean, std, size, frames, rate and the like.
        architecture: arguments of the builder, besides the number of classes.
        recipe: name of the training recipe, or the address of the training code.
        trained_on: data the network was trained on, in words.
        trained_on_simulation: it has seen simulated videos only.
        min_probability: of an action network: bouts whose mean probability is lower are reported as unknown.
            Chosen on validation data for a share of right answers, usually 90 %; 0: every bout is named.
        scores: measured quality, ``"data set/metric"`` to value.
        source: where the weights come from, if they are not wildact's own.
        notes: anything else a user should know.
        url: where they can be downloaded, or None.
        sha256: of the file, 64 hexadecimal digits, or the first few of them where only those are
            published; empty where it is not known, as in the copy inside the file itself.
        size_bytes: of the file; 0 where it is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    name: str
    kind: Kind
    file: str
    licence: str
    classes: tuple[str, ...]
    keep_classes: tuple[str, ...] | None = None
    min_score: Annotated[float, Field(gt=0, lt=1)] | None = None
    preprocessing: dict[str, Any]
    architecture: dict[str, Any]
    recipe: str | None = None
    trained_on: str
    trained_on_simulation: bool = False
    min_probability: Annotated[float, Field(ge=0, le=1)] = 0.0
    scores: dict[str, float] = Field(default_factory=dict)
    source: str = ""
    notes: str = ""
    url: str | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{0,64}$")] = ""
    size_bytes: Annotated[int, Field(ge=0)] = 0

    @field_validator("preprocessing", "architecture", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        """Tuples become lists now, so that a card is equal to itself after it was saved and loaded."""
        try:
            return json.loads(json.dumps(value, allow_nan=False))
        except TypeError as error:
            raise ValueError(f"not plain JSON: {error}") from error

    @field_validator("file")
    @classmethod
    def _inside_folder(cls, value: str) -> str:
        """A card comes from data: its file name must not lead out of a folder."""
        if not value or value in (".", "..") or "/" in value or "\\" in value:
            raise ValueError("must be a plain file name")
        return value

    @model_validator(mode="after")
    def _keep_known(self) -> WeightCard:
        unknown = set(self.keep_classes or ()) - set(self.classes)
        if unknown:
            raise ValueError(f"keep_classes {sorted(unknown)} are not among the classes")
        return self
