"""Stratified, seeded choices of images: for validation, for a test split, for a quick run.

Each class is put into an order of its own, drawn from (seed, purpose, class) alone, so that a
choice depends on no other. The order sorts raw PCG64 words: their stream is the same in every
version of NumPy, which `Generator.permutation` does not promise (NEP 19).
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import Labels
from pipeline.errors import PipelineError

Indices = NDArray[np.int64]


class Purpose(IntEnum):
    VALIDATION = 1
    TEST = 2
    LIMIT = 3


class SplitError(PipelineError):
    """A class has too few images for what is asked."""


def stratified(
    labels: Labels, classes: tuple[str, ...], fraction: float, purpose: Purpose, *, seed: int
) -> tuple[Indices, Indices]:
    """Return (rest, chosen), both rising; chosen is `fraction` of each class.

    At least one image of each class is on either side. Raises SplitError for a class of one.
    """
    chosen = []
    for index, name in enumerate(classes):
        order = _ordered(labels, index, purpose, seed)
        if len(order) < 2:  # noqa: PLR2004 - one for either side
            raise SplitError(
                f"class {name!r} has {len(order)} image(s): at least 2 are needed to split it; "
                "add some, or take the class away"
            )
        count = min(max(round(fraction * len(order)), 1), len(order) - 1)
        chosen.append(order[:count])
    taken = np.zeros(len(labels), bool)
    taken[np.concatenate(chosen)] = True
    return np.flatnonzero(~taken), np.flatnonzero(taken)


def limited(labels: Labels, classes: tuple[str, ...], limit: int | None, *, seed: int) -> Indices:
    """At most `limit` images in their order, the classes in their proportion, none left out."""
    if limit is None or limit >= len(labels):
        return np.arange(len(labels))
    if limit < len(classes):
        raise SplitError(
            f"data.limit is {limit}, and there are {len(classes)} classes: "
            f"give at least {len(classes)}, or null"
        )
    shares = _shares(np.bincount(labels, minlength=len(classes)), limit)
    chosen = [
        _ordered(labels, index, Purpose.LIMIT, seed)[:count] for index, count in enumerate(shares)
    ]
    return np.sort(np.concatenate(chosen))


def _ordered(labels: Labels, index: int, purpose: Purpose, seed: int) -> Indices:
    """The places of one class, in its drawn order."""
    places = np.flatnonzero(labels == index)
    words = np.random.PCG64([seed, purpose, index]).random_raw(len(places))
    return places[np.argsort(words, kind="stable")]


def _shares(counts: Indices, limit: int) -> Indices:
    """Share `limit` in proportion to `counts` by largest remainder, one for each at least."""
    floor = np.minimum(counts, 1)
    exact = (counts - floor) * (limit - floor.sum()) / max((counts - floor).sum(), 1)
    whole = np.floor(exact).astype(np.int64)
    rest = limit - floor.sum() - whole.sum()
    largest = np.argsort(whole - exact, kind="stable")[:rest]
    whole[largest] += 1
    shares: Indices = floor + whole
    return shares
