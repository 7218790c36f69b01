"""Stratified, seeded choices of images: for validation, for a test split, for a quick run.

Each class is put into an order of its own, drawn from (seed, purpose, class) alone, so that a
choice depends on no other. The order sorts raw PCG64 words: their stream is the same in every
version of NumPy, which `Generator.permutation` does not promise (NEP 19).
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Labels
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


def by_groups(  # noqa: PLR0913 - as `stratified`, and the groups
    labels: Labels,
    groups: Indices,
    classes: tuple[str, ...],
    fraction: float,
    purpose: Purpose,
    *,
    seed: int,
) -> tuple[Indices, Indices]:
    """As `stratified`, but equal numbers in `groups` stay together: near `fraction` of each class.

    A group is passed over where it would take more than twice the share of a class, or its last
    image. Raises SplitError for a class whose images cannot be on either side.
    """
    counts = np.bincount(labels, minlength=len(classes))
    share = np.maximum(np.round(fraction * counts), 1)
    held = np.zeros(len(classes), np.int64)
    taken = np.zeros(len(labels), bool)
    by_group = np.argsort(groups, kind="stable")
    sorted_groups = groups[by_group]
    for index in np.argsort(counts, kind="stable").tolist():  # the rarest have the least choice
        for place in _ordered(labels, index, purpose, seed).tolist():
            if held[index] >= share[index]:
                break
            first, last = np.searchsorted(sorted_groups, [groups[place], groups[place] + 1])
            members = by_group[first:last]
            after = held + np.bincount(labels[members], minlength=len(classes))
            if taken[place] or (after > 2 * share).any() or (after >= counts).any():
                continue
            taken[members] = True
            held = after
        if not held[index]:
            number = len(np.unique(groups[labels == index]))
            raise SplitError(
                f"class {classes[index]!r} has {counts[index]} image(s) in {number} group(s), "
                "which cannot be split: make its groups smaller, or give the splits yourself"
            )
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
