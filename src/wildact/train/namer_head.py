"""The last layer of a namer: where it starts from, how it learns, and when its names are sure enough.

Labels may be groups: the loss is the negative logarithm of the summed probability of all kinds within one.

Reference: Redmon & Farhadi 2017, YOLO9000, section 4 (labels of several levels of a hierarchy); Li et al.
2018, "Explicit inductive bias for transfer learning with convolutional networks" (weights held to their
start).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wildact.metrics.naming import LEVELS, Naming, Tally, find_level, tally_names
from wildact.recipes.schema import Naming as NamingSection
from wildact.species import fuse_crops, roll_up, sum_outputs
from wildact.taxonomy import Taxonomy
from wildact.train.crops import Animal
from wildact.types import Float64

DOMESTIC_DOG = "domestic dog"
"""118 of ImageNet's classes are its breeds: an average over canids without it is no dog."""
NEW_CLASS_BIAS = -math.log(3)
"""Added to the bias of a kind that the initial weights lack: rare until it is learned."""
SCALES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
USUAL_CONFIDENCE = 0.5
"""Mean of the highest probabilities that the initial network gives photographs of animals."""
REHEARSED = 192
"""Drawn features in each step."""
THRESHOLDS = tuple(round(0.51 + 0.02 * k, 2) for k in range(24))
"""From which the threshold is chosen; above 0.5 the sure names lie on one branch."""


@dataclass(frozen=True)
class Head:
    """A last layer and what its outputs stand for.

    Attributes:
        classes: C names of the taxonomy.
        owner: (O,) int64, the class of each output, in order.
        weight: (O, 1280).
        bias: (O,).
    """

    classes: tuple[str, ...]
    owner: Tensor
    weight: Tensor
    bias: Tensor

    @property
    def outputs_per_class(self) -> list[int]:
        """How many outputs each class has."""
        return torch.bincount(self.owner, minlength=len(self.classes)).tolist()

    def classify(self, features: Tensor) -> Tensor:
        """Return (N, C) log probabilities, given (N, 1280) features."""
        outputs = (features @ self.weight.T + self.bias).log_softmax(dim=1)
        return sum_outputs(outputs, self.owner, len(self.classes))


def build_head(weight: Tensor, bias: Tensor, labels: Sequence[str], taxonomy: Taxonomy) -> Head:
    """Return the animals of ImageNet's head, with an output for each label that it lacks.

    A new output starts as the mean of those within the smallest group around it that has any.

    Args:
        weight: (1000, 1280) of the initial weights.
        bias: (1000,).
        labels: names of the taxonomy.
        taxonomy: says which ImageNet class is what.
    """
    known = {name: taxon.imagenet for name, taxon in taxonomy.taxa.items() if taxon.imagenet}
    lacking = [label for label in dict.fromkeys(labels) if not _within(label, known, taxonomy)]
    new = {label for label in lacking if not any(group in lacking for group in taxonomy.lineage(label)[1:])}
    classes = tuple(name for name in taxonomy.taxa if name in known or name in new)
    weights, biases, owner = [], [], []
    for k, name in enumerate(classes):
        if name in known:
            rows = list(known[name])
            weights.append(weight[rows])
            biases.append(bias[rows])
        else:
            rows = _find_relatives(name, known, taxonomy)
            weights.append(weight[rows].mean(dim=0, keepdim=True))
            biases.append(bias[rows].mean().view(1) + NEW_CLASS_BIAS)
        owner += [k] * len(biases[-1])
    return Head(classes, torch.tensor(owner), torch.cat(weights), torch.cat(biases))


def _within(group: str, names: Sequence[str] | dict[str, tuple[int, ...]], taxonomy: Taxonomy) -> list[str]:
    return [name for name in names if taxonomy.contains(group, name)]


def _find_relatives(name: str, known: dict[str, tuple[int, ...]], taxonomy: Taxonomy) -> list[int]:
    for group in taxonomy.lineage(name)[1:]:
        rows = [i for n in _within(group, known, taxonomy) if n != DOMESTIC_DOG for i in known[n]]
        if rows:
            return rows
    return [i for indices in known.values() for i in indices]


def find_classes(label: str, classes: Sequence[str], taxonomy: Taxonomy) -> list[int]:
    """Return the indices of the classes within a label, or within the smallest group around it with any."""
    for group in taxonomy.lineage(label):
        if indices := [k for k, name in enumerate(classes) if taxonomy.contains(group, name)]:
            return indices
    raise ValueError(f"no class lies within {label}")


class Rehearsal:
    """Draws features of kinds that the data lack, as the initial head would know them.

    A linear classifier of classes that differ only in their means has the weights: inverse covariance times
    mean. So a mean is guessed as covariance times weights, and the scatter of real features is added.

    Reference: Robins 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal"; Hastie et al. 2009, The
    Elements of Statistical Learning, section 4.3 (linear discriminant analysis).
    """

    def __init__(self, head: Head, known: Sequence[int], features: Tensor, labels: Sequence[str]) -> None:
        """Prepare to draw.

        Args:
            head: the initial one.
            known: indices of its classes that it does know.
            features: (N, 1280) of the data.
            labels: N names.
        """
        self.scatter = features.clone()
        for label in set(labels):
            rows = torch.tensor([k for k, other in enumerate(labels) if other == label])
            self.scatter[rows] -= features[rows].mean(dim=0)
        covariance = self.scatter.T @ self.scatter / len(features)
        self.middle = features.mean(dim=0)
        self.offsets = (head.weight - head.weight.mean(dim=0)) @ covariance
        self.counts = torch.tensor(head.outputs_per_class)
        self.starts = self.counts.cumsum(0) - self.counts
        self.known = torch.tensor(list(known))
        self.scale = self._find_scale(head)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return (count, 1280) features, of each known class equally often."""
        chosen = self.known[torch.randint(len(self.known), (count,), generator=generator)]
        share = torch.rand(count, generator=generator)
        rows = self.starts[chosen] + (share * self.counts[chosen]).long()
        scatter = self.scatter[torch.randint(len(self.scatter), (count,), generator=generator)]
        return (self.middle + self.scale * self.offsets[rows] + scatter).clamp_min(0)

    def _find_scale(self, head: Head) -> float:
        """Return how far from the middle the head is as sure as it is of photographs."""
        for scale in SCALES:
            self.scale = scale
            drawn = self.draw(512, torch.Generator().manual_seed(0))
            if head.classify(drawn).amax(dim=1).exp().mean() > USUAL_CONFIDENCE:
                break
        return self.scale


def fit_head(
    head: Head,
    features: Tensor,
    labels: Sequence[str],
    settings: NamingSection,
    taxonomy: Taxonomy,
    *,
    seed: int,
) -> tuple[Head, list[float]]:
    """Return the trained last layer and the mean loss of each epoch.

    Args:
        head: to start from; it is not altered.
        features: (N, 1280) float32.
        labels: N names of the taxonomy.
        settings: of the recipe.
        taxonomy: holds the labels and classes.
        seed: of the order of the pictures.
    """
    inside = {label: torch.zeros(len(head.classes), dtype=torch.bool) for label in set(labels)}
    for label, mask in inside.items():
        mask[find_classes(label, head.classes, taxonomy)] = True
    wanted = torch.stack([inside[label] for label in labels])
    counts = Counter(labels)
    weights = torch.tensor([counts[label] ** -settings.label_power for label in labels])
    weights /= weights.mean()
    weight, bias = head.weight.clone().requires_grad_(), head.bias.clone().requires_grad_()
    optimizer = torch.optim.Adam([weight, bias], lr=settings.learning_rate)
    steps = settings.epochs * math.ceil(len(features) / settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(seed)
    known = [k for k, name in enumerate(head.classes) if taxonomy.taxa[name].imagenet]
    rehearsal = Rehearsal(head, known, features, labels) if settings.rehearse else None
    losses = []
    for _ in range(settings.epochs):
        order = torch.randperm(len(features), generator=generator)
        total = 0.0
        for batch in order.split(settings.batch_size):  # type: ignore[no-untyped-call]
            now = Head(head.classes, head.owner, weight, bias)
            found = now.classify(features[batch])
            within = found.masked_fill(~wanted[batch], -1e9).logsumexp(dim=1)
            loss = -(weights[batch] * within).mean()
            moved = (weight - head.weight).square().sum() + (bias - head.bias).square().sum()
            held = settings.keep * moved
            if rehearsal is not None:
                drawn = rehearsal.draw(REHEARSED, generator)
                held = (
                    held
                    - settings.rehearse * (head.classify(drawn).exp() * now.classify(drawn)).sum(dim=1).mean()
                )
            optimizer.zero_grad()
            (loss + held).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(batch)
        losses.append(total / len(features))
    return Head(head.classes, head.owner, weight.detach(), bias.detach()), losses


def name_groups(
    log_probabilities: Float64,
    animals: Sequence[Animal],
    classes: Sequence[str],
    taxonomy: Taxonomy,
    *,
    fusion: str,
    threshold: float,
) -> list[Naming]:
    """Return the name and the truth of each animal or burst.

    Args:
        log_probabilities: (N, C) of pictures.
        animals: N, what they show; those of one group are fused.
        classes: C names.
        taxonomy: holds them.
        fusion: see `fuse_crops`.
        threshold: that a name needs.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for k, animal in enumerate(animals):
        groups[animal.group].append(k)
    namings = []
    for members in groups.values():
        fused = fuse_crops(log_probabilities[members], fusion)
        name = roll_up(fused, classes, taxonomy, threshold=threshold).name
        first = animals[members[0]]
        namings.append(Naming(name, first.name, first.light, first.dataset))
    return namings


def choose_threshold(
    log_probabilities: Float64,
    animals: Sequence[Animal],
    classes: Sequence[str],
    taxonomy: Taxonomy,
    *,
    fusion: str,
    precision: float,
) -> tuple[float, dict[str, Tally]]:
    """Return the lowest threshold whose names are right often enough, and how often they are, by data set.

    Of the names below ``animal`` the share ``precision`` must be right in each data set and at each level of
    ranks, and the lower end of Wilson's 95 % interval of all together must reach it, too. Where no threshold
    does that, it is the highest one tried.

    Args:
        log_probabilities: (N, C) of pictures that were not trained on.
        animals: N, what they show.
        classes: C names.
        taxonomy: holds them.
        fusion: see `fuse_crops`.
        precision: share that must be right.
    """
    threshold, tallies = THRESHOLDS[-1], {}
    for threshold in THRESHOLDS:
        namings = name_groups(
            log_probabilities, animals, classes, taxonomy, fusion=fusion, threshold=threshold
        )
        tallies = {
            dataset: tally_names([n for n in namings if n.dataset == dataset], taxonomy)
            for dataset in sorted({n.dataset for n in namings})
        }
        by_level = [
            tally_names([n for n in namings if find_level(n.name, taxonomy) == level], taxonomy)
            for level in range(len(LEVELS))
        ]
        low, _ = tally_names(namings, taxonomy).interval
        every = (*tallies.values(), *by_level)
        if low >= precision and all(not tally.given or tally.share >= precision for tally in every):
            break
    return threshold, tallies


def to_numpy(log_probabilities: Tensor) -> Float64:
    """Return log probabilities as NumPy's float64."""
    return np.asarray(log_probabilities.double().numpy(), np.float64)
