"""Arrays in, numbers out: how good probabilities are against labels.

Throughout: probabilities (N, classes), labels (N,) class indexes, confusion (actual, predicted).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]

Z_95 = 1.959963984540054  # two-sided 95 % of the standard normal
SMALLEST = float(np.finfo(np.float32).tiny)  # a served probability of 0 has a finite NLL


@dataclass(frozen=True)
class Summary:
    """The numbers of one split that fit a table's row."""

    accuracy: float
    accuracy_high: float  # upper end of the 95 % Wilson interval
    accuracy_low: float
    balanced_accuracy: float  # mean recall of the classes that occur
    brier: float
    ece: float
    images: int
    macro_f1: float  # over the classes that are among labels or answers
    nll: float

    def plain(self) -> dict[str, float]:
        return asdict(self)

    def sentence(self) -> str:
        return (
            f"accuracy {self.accuracy:.2%} on {self.images:,} images "
            f"(95% interval {self.accuracy_low:.2%} to {self.accuracy_high:.2%}), "
            f"balanced {self.balanced_accuracy:.2%}"
        )


@dataclass(frozen=True)
class PerClass:
    """One value per class each; 0 where a class was never predicted or never occurs."""

    precision: Floats
    recall: Floats
    f1: Floats
    images: Counts


@dataclass(frozen=True)
class Reliability:
    """Bins of equal width of the winning probability; empty bins have confidence and accuracy 0."""

    edges: Floats  # (bins + 1,)
    confidence: Floats  # (bins,) mean winning probability
    accuracy: Floats  # (bins,)
    images: Counts  # (bins,)


def summary(probabilities: Floats, labels: Labels, *, bins: int) -> Summary:
    _check(probabilities, labels)
    confusion = confusion_matrix(probabilities, labels)
    occurs = confusion.any(axis=0) | confusion.any(axis=1)
    low, high = wilson_interval(int(confusion.trace()), len(labels))
    return Summary(
        accuracy=accuracy(probabilities, labels),
        accuracy_high=high,
        accuracy_low=low,
        balanced_accuracy=balanced_accuracy(confusion),
        brier=brier(probabilities, labels),
        ece=calibration_error(reliability(probabilities, labels, bins=bins)),
        images=len(labels),
        macro_f1=float(per_class(confusion).f1[occurs].mean()),
        nll=negative_log_likelihood(probabilities, labels),
    )


def accuracy(probabilities: Floats, labels: Labels) -> float:
    return float((probabilities.argmax(axis=1) == labels).mean())


def balanced_accuracy(confusion: Counts) -> float:
    """Mean recall of the classes that occur: 1/classes for guessing, however uneven they are.

    Brodersen et al., The balanced accuracy and its posterior distribution, 2010.
    """
    return float(per_class(confusion).recall[confusion.any(axis=1)].mean())


def wilson_interval(right: int, images: int, *, z: float = Z_95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927): stays within 0-1, also at 0 or all right."""
    if not 0 <= right <= images or images == 0:
        raise ValueError(f"{right!r} right of {images!r} images: 0 ≤ right ≤ images ≥ 1 is needed")
    share = right / images
    centre = share + z * z / (2 * images)
    spread = z * float(np.sqrt(share * (1 - share) / images + z * z / (4 * images * images)))
    scale = 1 + z * z / images
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def confusion_matrix(probabilities: Floats, labels: Labels) -> Counts:
    classes = probabilities.shape[1]
    pairs = labels * classes + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def per_class(confusion: Counts) -> PerClass:
    right = np.diagonal(confusion).astype(np.float64)
    actual, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    return PerClass(
        precision=right / np.maximum(predicted, 1),
        recall=right / np.maximum(actual, 1),
        f1=2 * right / np.maximum(actual + predicted, 1),
        images=actual,
    )


def negative_log_likelihood(probabilities: Floats, labels: Labels) -> float:
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(given, SMALLEST)).mean())


def brier(probabilities: Floats, labels: Labels) -> float:
    """Mean over images of the squared distance to the one-hot target, 0-2 (Brier 1950)."""
    error = probabilities.astype(np.float64)
    error[np.arange(len(labels)), labels] -= 1
    return float((error**2).sum(axis=1).mean())


def reliability(probabilities: Floats, labels: Labels, *, bins: int) -> Reliability:
    edges = np.linspace(0, 1, bins + 1)
    winning = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.searchsorted(edges, winning, side="left") - 1, 0, bins - 1)  # (low, high]
    images = np.bincount(place, minlength=bins)
    divisor = np.maximum(images, 1)
    return Reliability(
        edges=edges,
        confidence=np.bincount(place, weights=winning, minlength=bins) / divisor,
        accuracy=np.bincount(place, weights=right, minlength=bins) / divisor,
        images=images,
    )


def calibration_error(bins: Reliability) -> float:
    """Expected calibration error: the mean gap of the bins, by their images (Guo et al. 2017)."""
    gaps = np.abs(bins.confidence - bins.accuracy)
    return float((gaps * bins.images).sum() / bins.images.sum())


def _check(probabilities: Floats, labels: Labels) -> None:
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or len(labels) == 0:  # noqa: PLR2004 - (N, classes)
        raise ValueError(
            f"probabilities {probabilities.shape!r} and labels {labels.shape!r} do not go together:"
            " (N, classes) and (N,) with N ≥ 1 are needed"
        )
