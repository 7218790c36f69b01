"""Does what a model is asked look like what it learned from? Images sorted into training's bins.

The bins stand in the model's file. The population stability index says how far two sets of counts
are apart. The server counts so beside its answers, a scoring job over all its pictures.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Familiarities, Images, Probabilities
from contract.metadata import Statistics
from contract.statistics import image_statistics

Counts = NDArray[np.float64]

LEAST = 200  # images below which an index is mostly chance
DRIFTED = 0.25  # the usual reading: below 0.1 stable, above 0.25 shifted
MEASURED = ("ink_mass", "centre_row", "centre_column")  # of each image
INPUTS = ("intensity", *MEASURED)
UNKNOWN = "unknown"  # share of images below the model's own threshold of familiarity
_FLOOR = 1e-4  # fraction of an empty bin


@dataclass(frozen=True)
class Feature:
    """One thing that is watched, and its place among the counts."""

    name: str
    edges: tuple[float, ...]  # empty for classes
    expected: Counts
    at: slice


@dataclass(frozen=True)
class Expectation:
    """What a model's training and validation images looked like."""

    features: tuple[Feature, ...]
    places: int


def expectation(statistics: Statistics) -> Expectation | None:
    """None for a file without reference histograms."""
    reference, answers = statistics.reference, statistics.answers
    if reference is None:
        return None
    histograms = [(name, getattr(reference, name)) for name in INPUTS]
    rows = [(name, one.edges, one.fractions) for name, one in histograms]
    if answers is not None:
        confidence = answers.confidence
        rows.append(("confidence", confidence.edges, confidence.fractions))
        rows.append(("predicted_class", (), answers.classes))
        if answers.unknown is not None:
            rows.append((UNKNOWN, answers.unknown.edges, answers.unknown.fractions))
    features, at = [], 1  # place 0 counts the images
    for name, edges, fractions in rows:
        bins = slice(at, at + len(fractions))
        features.append(Feature(name, edges, np.array(fractions, np.float64), bins))
        at = bins.stop
    return Expectation(tuple(features), at)


def stability_index(expected: Counts, counts: Counts) -> float:
    """Σ (seen - expected) · ln(seen / expected) over the bins; 0 for equal fractions."""
    seen = np.maximum(counts / max(counts.sum(), 1), _FLOOR)
    wanted = np.maximum(expected, _FLOOR)
    return float(((seen - wanted) * np.log(seen / wanted)).sum())


def counted(
    expected: Expectation,
    images: Images,
    probabilities: Probabilities,
    familiarity: Familiarities | None = None,
) -> Counts:
    """(places,): the number of images, then that of each bin of each feature.

    Without `familiarity` the bins of "unknown" stay empty.
    """
    counts = np.zeros(expected.places)
    counts[0] = len(images)
    values = dict(zip(MEASURED, image_statistics(images), strict=True))
    values["confidence"] = probabilities.max(axis=1)
    values[UNKNOWN] = np.array([] if familiarity is None else familiarity, np.float64)
    for one in expected.features:
        if one.name == "predicted_class":
            found = np.bincount(probabilities.argmax(axis=1), minlength=len(one.expected))
        elif one.name == "intensity":
            levels = np.bincount(images.reshape(-1), minlength=256)
            found = np.bincount(_bins(one, np.arange(256)), levels, len(one.expected))
        else:
            found = np.bincount(_bins(one, values[one.name]), minlength=len(one.expected))
        counts[one.at] = found
    return counts


def _bins(feature: Feature, values: NDArray[Any]) -> NDArray[np.intp]:
    return np.searchsorted(feature.edges[1:-1], values, side="right")
