"""Splits are stratified, disjoint and the same whenever they are drawn."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.arrays import Labels
from pipeline.data.split import Purpose, SplitError, by_groups, limited, stratified

CLASSES = ("a", "b", "c")


def make_labels(*counts: int, seed: int = 0) -> Labels:
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(seed).permutation(labels)


@given(
    counts=st.lists(st.integers(2, 60), min_size=3, max_size=3),
    fraction=st.floats(0.01, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_two_parts_are_the_whole(counts: list[int], fraction: float, seed: int) -> None:
    """Nothing is lost or doubled, and each class is on both sides in its proportion."""
    labels = make_labels(*counts)
    rest, chosen = stratified(labels, CLASSES, fraction, Purpose.VALIDATION, seed=seed)
    assert sorted([*rest, *chosen]) == list(range(len(labels)))
    for index, count in enumerate(counts):
        taken = int((labels[chosen] == index).sum())
        assert 1 <= taken < count
        assert abs(taken - fraction * count) <= 1


def test_a_split_depends_on_seed_and_purpose_alone() -> None:
    """Drawn twice it is the same; drawn for another seed or purpose it is not."""
    labels = make_labels(100, 100, 100)

    def draw(purpose: Purpose, seed: int) -> list[int]:
        chosen: list[int] = stratified(labels, CLASSES, 0.2, purpose, seed=seed)[1].tolist()
        return chosen

    assert draw(Purpose.TEST, 1) == draw(Purpose.TEST, 1)
    assert draw(Purpose.TEST, 1) != draw(Purpose.TEST, 2)
    assert draw(Purpose.TEST, 1) != draw(Purpose.VALIDATION, 1)


def test_the_draw_is_pinned() -> None:
    """Another version of NumPy must not cut another validation split out of the same data."""
    _, chosen = stratified(np.arange(1000) % 3, CLASSES, 0.1, Purpose.VALIDATION, seed=0)
    digest = hashlib.sha256(chosen.astype("<i8").tobytes()).hexdigest()
    assert digest[:16] == "5adf477f7e9af2b0"


def test_a_class_of_one_is_refused() -> None:
    """It cannot be on both sides; the class is named."""
    with pytest.raises(SplitError, match=r"class 'b' has 1 image"):
        stratified(make_labels(5, 1, 5), CLASSES, 0.2, Purpose.TEST, seed=0)


@given(
    counts=st.lists(st.integers(1, 80), min_size=3, max_size=3),
    limit=st.integers(3, 260),
    seed=st.integers(0, 100),
)
def test_a_limit_keeps_the_proportions(counts: list[int], limit: int, seed: int) -> None:
    """Exactly the limit, in order, no class left out, none more than one off its share."""
    labels = make_labels(*counts)
    chosen = limited(labels, CLASSES, limit, seed=seed)
    assert len(chosen) == min(limit, len(labels))
    assert np.all(np.diff(chosen) > 0)
    taken = np.bincount(labels[chosen], minlength=3)
    assert taken.min() >= 1
    assert np.all(taken <= np.asarray(counts))


def test_no_limit_keeps_everything() -> None:
    """Null is the default for a full run."""
    assert limited(make_labels(4, 4, 4), CLASSES, None, seed=0).tolist() == list(range(12))


def test_a_limit_below_the_classes_is_refused() -> None:
    """A class without an image cannot be learned."""
    with pytest.raises(SplitError, match=r"data\.limit is 2, and there are 3 classes"):
        limited(make_labels(4, 4, 4), CLASSES, 2, seed=0)


def test_groups_stay_together() -> None:
    """Near the share of each class; alone or in groups, also of several classes."""
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 60, 900)
    labels = (groups + (generator.random(900) < 0.1)) % 3
    rest, chosen = by_groups(labels, groups, ("a", "b", "c"), 0.2, Purpose.TEST, seed=0)
    assert not set(groups[rest]) & set(groups[chosen])
    assert sorted([*rest, *chosen]) == list(range(900))
    shares = np.bincount(labels[chosen]) / np.bincount(labels)
    assert (shares >= 0.2).all()
    assert (shares <= 0.4).all()


def test_groups_that_cannot_be_split_are_told() -> None:
    """All of a class in one group."""
    with pytest.raises(SplitError, match=r"'b' has 3 image\(s\) in 1 group\(s\)"):
        by_groups(
            np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 3, 3, 3]),
            ("a", "b"), 0.2, Purpose.TEST, seed=0,
        )  # fmt: skip
