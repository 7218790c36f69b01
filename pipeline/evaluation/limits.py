"""What a model knows of its own limits, measured: foreign images, sets of classes, temperature."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom, rankdata

from contract.arrays import Familiarities, Images, Labels, Probabilities
from contract.metadata import ConformalSet
from contract.metadata import Limits as Said
from pipeline.evaluation.metrics import (
    Z_95,
    Floats,
    calibration_error,
    reliability,
    wilson_interval,
)

WORST = 2  # pictures of each set: the most familiar that were let through
SMALLEST = float(np.finfo(np.float32).tiny)  # a probability of 0 has a logarithm

Answer = Callable[[Images], tuple[Probabilities, Familiarities | None]]


@dataclass(frozen=True)
class Share:
    """Of images, with its 95 % interval (Wilson's)."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, which: NDArray[np.bool_]) -> "Share":
        low, high = wilson_interval(int(which.sum()), len(which))
        return cls(float(which.mean()), low, high)


@dataclass(frozen=True)
class Told:
    """How well one number tells a foreign set from the test split."""

    auroc: float  # 0.5 is guessing
    low: float  # of its 95 % interval
    high: float
    through: Share  # of the foreign images, at the threshold that keeps `kept` of validation


@dataclass(frozen=True)
class Foreign:
    """One set that is not of the model's world."""

    name: str
    images: int
    by_familiarity: Told | None  # None: the model has no such output
    by_probability: Told  # the greatest one, for comparison


@dataclass(frozen=True)
class Sets:
    """The conformal sets on the test split."""

    coverage: Share  # of the test images whose class is in its set
    least: float  # 95 % interval of what such a coverage comes out as on so many images
    most: float
    size: float  # classes in a set, mean
    empty: float  # share of sets without a class


@dataclass(frozen=True)
class Worst:
    """A foreign image (C, H, W) that was let through."""

    image: Images
    set: str
    familiarity: float
    label: int
    probability: float


@dataclass(frozen=True)
class Limits:
    said: Said
    foreign: tuple[Foreign, ...]
    kept: Share | None  # of the test images that are known
    errors: Share | None  # of the test images that are known though their answer is wrong
    sets: Sets | None
    ece_before: float  # of the test split at temperature 1
    worst: tuple[Worst, ...] = ()

    def plain(self) -> dict[str, dict[str, float]]:
        """For metrics/evaluate.json."""
        told = {one.name: one.by_familiarity or one.by_probability for one in self.foreign}
        found = {
            "foreign_auroc": {name: one.auroc for name, one in told.items()},
            "foreign_known": {name: one.through.value for name, one in told.items()},
            "known": {"ece_before": self.ece_before, "temperature": self.said.temperature},
        }
        if self.kept:
            found["known"]["test"] = self.kept.value
        if self.errors:
            found["known"]["test_errors"] = self.errors.value
        if self.sets:
            found["sets"] = {
                "coverage": self.sets.coverage.value,
                "empty": self.sets.empty,
                "size": self.sets.size,
            }
        return found


def measure(  # noqa: PLR0913 - each is a part of the table
    said: Said,
    *,
    validation: Probabilities,
    test: tuple[Probabilities, Familiarities | None],
    labels: Labels,
    foreign: Iterable[tuple[str, Images]],
    answer: Answer,
    bins: int,
) -> Limits:
    """`validation` and `test` are the answers to these splits, `labels` the test split's."""
    probabilities, familiarity = test
    certain = _greatest(probabilities)
    kept = said.familiarity.kept if said.familiarity else 0.95
    least = float(np.quantile(_greatest(validation), 1 - kept))
    found, worst = [], []
    for name, images in foreign:
        answers, familiar = answer(images)
        told = None
        if said.familiarity and familiarity is not None and familiar is not None:
            told = _told(familiarity, familiar, said.familiarity.threshold)
            worst += _worst(name, images, answers, familiar, said.familiarity.threshold)
        by_probability = _told(certain, _greatest(answers), least)
        found.append(Foreign(name, len(images), told, by_probability))
    known, errors = None, None
    if said.familiarity and familiarity is not None:
        is_known = familiarity >= said.familiarity.threshold
        wrong = probabilities.argmax(axis=1) != labels
        known = Share.of(is_known)
        errors = Share.of(is_known[wrong]) if wrong.any() else None
    before = reliability(untempered(probabilities, said.temperature), labels, bins=bins)
    return Limits(
        said=said,
        foreign=tuple(found),
        kept=known,
        errors=errors,
        sets=_sets(said.conformal, probabilities, labels) if said.conformal else None,
        ece_before=calibration_error(before),
        worst=tuple(worst),
    )


def auroc(own: Floats, foreign: Floats) -> float:
    """Probability that an own image scores higher than a foreign one; ties count half."""
    ranks = rankdata(np.concatenate([own, foreign]))[: len(own)]
    wins = ranks.sum() - len(own) * (len(own) + 1) / 2
    return float(wins / (len(own) * len(foreign)))


def auroc_interval(area: float, own: int, foreign: int) -> tuple[float, float]:
    """95 % interval by the standard error of Hanley and McNeil 1982."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (own - 1) * (q1 - area**2) + (foreign - 1) * (q2 - area**2)
    spread = Z_95 * float(np.sqrt(max(variance, 0) / (own * foreign)))
    return max(0.0, area - spread), min(1.0, area + spread)


def _told(own: Floats, foreign: Floats, threshold: float) -> Told:
    area = auroc(own, foreign)
    low, high = auroc_interval(area, len(own), len(foreign))
    return Told(area, low, high, Share.of(foreign >= threshold))


def _greatest(probabilities: Probabilities) -> Floats:
    found: Floats = probabilities.max(axis=1)
    return found


def _worst(
    name: str, images: Images, answers: Probabilities, familiar: Familiarities, threshold: float
) -> list[Worst]:
    order = np.argsort(-familiar, kind="stable")[:WORST]
    return [
        Worst(
            images[at].copy(),
            name,
            float(familiar[at]),
            int(answers[at].argmax()),
            float(answers[at].max()),
        )
        for at in order
        if familiar[at] >= threshold
    ]


def _sets(conformal: ConformalSet, probabilities: Probabilities, labels: Labels) -> Sets:
    """Coverage of new images is Beta(n + 1 - l, l), l = ⌊(n + 1)(1 - coverage)⌋ (Vovk 2012)."""
    images = len(labels)
    inside = probabilities >= conformal.least
    sizes = inside.sum(axis=1)
    left = max(1, int(round((conformal.images + 1) * (1 - conformal.coverage), 9)))
    least, most = betabinom.ppf((0.025, 0.975), images, conformal.images + 1 - left, left) / images
    return Sets(
        coverage=Share.of(inside[np.arange(images), labels]),
        least=float(least),
        most=float(most),
        size=float(sizes.mean()),
        empty=float((sizes == 0).mean()),
    )


def untempered(probabilities: Probabilities, temperature: float) -> Floats:
    """What they would be at temperature 1."""
    if temperature == 1:
        return probabilities
    powers = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST)) * temperature
    powers = np.exp(powers - powers.max(axis=1, keepdims=True))
    found: Floats = powers / powers.sum(axis=1, keepdims=True)
    return found
