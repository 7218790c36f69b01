"""Two thresholds, out of the validation split's answers: what is known, what cannot be excluded."""

import math

import numpy as np

from contract.arrays import Familiarities, Labels, Probabilities
from contract.metadata import ConformalSet, Familiarity
from contract.statistics import Histogram

METHOD = "exposure+capped logit/2"  # changes with the formula in pipeline.export.familiarity
DECIMALS = 9  # 0.99 · 100 is 99, not a little more


def familiarity(found: Familiarities, *, kept: float) -> Familiarity:
    """The greatest threshold that at least `kept` of these images reach."""
    below = math.floor(round((1 - kept) * len(found), DECIMALS))
    threshold = float(np.sort(found)[below])
    return Familiarity(method=METHOD, kept=kept, threshold=threshold, images=len(found))


def unknown(found: Familiarities, limit: Familiarity) -> Histogram:
    """Shares of these images below and above the threshold."""
    share = round(float((found < limit.threshold).mean()), 8)
    edges = (min(0.0, limit.threshold), limit.threshold, max(1.0, limit.threshold))
    return Histogram(edges=edges, fractions=(share, 1 - share))


def conformal(
    probabilities: Probabilities, labels: Labels, *, coverage: float
) -> ConformalSet | None:
    """Split conformal prediction with the score 1 - p(true class): Sadinle et al. 2019 (LAC).

    The ⌈(n + 1) · coverage⌉-th smallest score; None where n is smaller than that rank, which is
    for fewer than ⌈1 / (1 - coverage)⌉ - 1 images.
    """
    images = len(labels)
    rank = math.ceil(round((images + 1) * coverage, DECIMALS))
    if rank > images:
        return None
    given = np.sort(probabilities[np.arange(images), labels])[::-1]
    return ConformalSet(coverage=coverage, least=float(given[rank - 1]), images=images)


def least_images(coverage: float) -> int:
    """Of validation, for a set of this coverage."""
    return math.ceil(round(1 / (1 - coverage), DECIMALS)) - 1
