"""Which pictures make up which split, chosen by names and labels alone: none is opened for it."""

from typing import TypeAlias

import numpy as np

from pipeline.data.arrays import SPLITS
from pipeline.data.listing import Listing
from pipeline.data.split import Indices, Purpose, by_groups, limited, stratified

TEST_FRACTION = 0.2
TEST_SEED = 0

Plan: TypeAlias = dict[str, Indices]  # of each split: places in Listing.pictures, rising


def divide(listing: Listing, *, validation_fraction: float, limit: int | None, seed: int) -> Plan:
    """What the user did not split is split here, then each split is cut to `limit`.

    Without a test split, a fifth of each class of the training pictures becomes one: that fifth
    depends on no parameter, so that any two models of one folder are comparable.
    """
    labels, classes = listing.labels, listing.classes
    places = np.arange(len(labels))
    groups = _groups(listing)
    where = np.array([picture.split or "train" for picture in listing.pictures])
    plan: Plan = {name: places[where == name] for name in ("train", *listing.given)}

    def cut(name: str, fraction: float, purpose: Purpose, seed: int) -> None:
        whole = plan["train"]
        if groups is None:
            rest, chosen = stratified(labels[whole], classes, fraction, purpose, seed=seed)
        else:
            rest, chosen = by_groups(
                labels[whole], groups[whole], classes, fraction, purpose, seed=seed
            )
        plan["train"], plan[name] = whole[rest], whole[chosen]

    if "test" not in plan:
        cut("test", TEST_FRACTION, Purpose.TEST, TEST_SEED)
    if "val" not in plan:
        cut("val", validation_fraction, Purpose.VALIDATION, seed)
    return {
        name: plan[name][limited(labels[plan[name]], classes, limit, seed=seed)] for name in SPLITS
    }


def _groups(listing: Listing) -> Indices | None:
    """A number for each picture, equal in a group; None where the user named none."""
    names = {picture.group for picture in listing.pictures} - {""}
    if not names:
        return None
    numbers = {name: number for number, name in enumerate(sorted(names))}
    alone = iter(range(len(numbers), len(numbers) + len(listing.pictures)))
    return np.array(
        [numbers[picture.group] if picture.group else next(alone) for picture in listing.pictures]
    )
