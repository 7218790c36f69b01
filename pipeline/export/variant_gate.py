"""The gate of a variant, which is not the model's parity: as good as the model, on validation.

A variant rounds, so its probabilities are others. It is served where its accuracy and its
negative log-likelihood are within the 95 % intervals of the model's, its calibration is not worse
by more than chance, and few answers are others.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.arrays import Labels, Probabilities
from pipeline.errors import PipelineError

BINS = 15  # of the expected calibration error
MOST_CHANGED = 0.02  # of the answers
Z_95 = 1.959963984540054  # two-sided 95 % of the standard normal
SMALLEST = float(np.finfo(np.float32).tiny)  # a probability of 0 has a finite likelihood
DECIMALS = 8

Floats = NDArray[np.float64]


class Quality(Struct, frozen=True, kw_only=True):
    """Of a file on the validation images."""

    accuracy: float
    nll: float  # negative log-likelihood
    ece: float  # expected calibration error, Guo et al. 2017
    bytes: int


class Allowed(Struct, frozen=True, kw_only=True):
    """What a variant may come to, by the model's own answers."""

    accuracy: float  # at least: the lower end of the 95 % interval (Wilson 1927)
    nll: float  # at most: the upper end of the mean's 95 % interval
    ece: float  # at most: the half-width of the mean gap's 95 % interval more
    changed: float = MOST_CHANGED  # share of the answers, at most


class Judgement(Struct, frozen=True, kw_only=True):
    """A variant beside its model, and what is wrong with it; empty `reason`: it is served."""

    quality: Quality
    changed: float  # share of the answers that are others
    reason: str = ""


class JudgementError(PipelineError):
    """Answers that cannot be judged."""


def quality(probabilities: Probabilities, labels: Labels, *, file_bytes: int) -> Quality:
    """Of probabilities (N, classes); raises JudgementError where one is NaN."""
    if not np.isfinite(probabilities).all():
        raise JudgementError("some of its probabilities are not numbers (NaN)")
    gaps = _gaps(probabilities, labels)
    place = np.minimum((probabilities.max(axis=1) * BINS).astype(np.int64), BINS - 1)
    return Quality(
        accuracy=round(float(_right(probabilities, labels).mean()), DECIMALS),
        nll=round(float(_losses(probabilities, labels).mean()), DECIMALS),
        ece=round(float(np.abs(np.bincount(place, gaps)).sum()) / len(labels), DECIMALS),
        bytes=file_bytes,
    )


def allowed(probabilities: Probabilities, labels: Labels) -> Allowed:
    """By the model's probabilities (N, classes)."""
    from scipy.stats import binomtest  # noqa: PLC0415 - slow, and seldom asked for

    right, losses = _right(probabilities, labels), _losses(probabilities, labels)
    gaps = _gaps(probabilities, labels)
    here = quality(probabilities, labels, file_bytes=0)
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return Allowed(
        accuracy=round(float(interval.low), DECIMALS),
        nll=round(here.nll + _half_width(losses), DECIMALS),
        ece=round(here.ece + _half_width(gaps), DECIMALS),
    )


def judge(
    model: Probabilities, variant: Probabilities, labels: Labels, *, file_bytes: int
) -> Judgement:
    """Of both files' answers (N, classes) to the same images."""
    found, limits = quality(variant, labels, file_bytes=file_bytes), allowed(model, labels)
    changed = round(float((model.argmax(axis=1) != variant.argmax(axis=1)).mean()), DECIMALS)
    return Judgement(quality=found, changed=changed, reason=_reason(found, changed, limits))


def _reason(found: Quality, changed: float, limits: Allowed) -> str:
    """Every limit that is not kept."""
    checks = (
        (found.accuracy >= limits.accuracy, f"accuracy {found.accuracy:.2%}",
         f"at least {limits.accuracy:.2%}"),
        (found.nll <= limits.nll, f"negative log-likelihood {found.nll:.4f}",
         f"at most {limits.nll:.4f}"),
        (found.ece <= limits.ece, f"expected calibration error {found.ece:.2%}",
         f"at most {limits.ece:.2%}"),
        (changed <= limits.changed, f"changed answers {changed:.2%}",
         f"at most {limits.changed:.2%}"),
    )  # fmt: skip
    return "; ".join(
        f"{given}, allowed is {limit}" for is_kept, given, limit in checks if not is_kept
    )


def _right(probabilities: Probabilities, labels: Labels) -> Floats:
    right: Floats = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    return right


def _losses(probabilities: Probabilities, labels: Labels) -> Floats:
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    losses: Floats = -np.log(np.maximum(given, SMALLEST))
    return losses


def _gaps(probabilities: Probabilities, labels: Labels) -> Floats:
    """Confidence less whether it was right, of each image."""
    gaps: Floats = probabilities.max(axis=1).astype(np.float64) - _right(probabilities, labels)
    return gaps


def _half_width(values: Floats) -> float:
    """Of the mean's 95 % interval."""
    return Z_95 * float(values.std()) / float(np.sqrt(len(values)))
