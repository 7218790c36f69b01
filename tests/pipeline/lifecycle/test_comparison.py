"""The paired test says better, worse or neither, with exact figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pipeline.lifecycle.comparison import Comparison, Verdict, compare


def paired(ahead: int, behind: int, *, images: int = 10_000) -> Comparison:
    both = images - ahead - behind
    return Comparison(images=images, both=both, only_challenger=ahead, only_champion=behind)


@given(st.integers(0, 300), st.integers(0, 300))
def test_p_value_is_the_exact_binomial_one(ahead: int, behind: int) -> None:
    """An independent implementation agrees, also where no image differs."""
    tosses = ahead + behind
    expected = binomtest(ahead, tosses).pvalue if tosses else 1.0
    assert paired(ahead, behind).p_value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("ahead", "behind", "verdict"),
    [
        (40, 10, Verdict.BETTER),
        (10, 40, Verdict.WORSE),
        (12, 10, Verdict.UNDECIDED),
        (0, 0, Verdict.UNDECIDED),
        (5, 0, Verdict.UNDECIDED),  # p = 0.0625: five images prove nothing
        (6, 0, Verdict.BETTER),
    ],
)
def test_verdict_needs_significance(ahead: int, behind: int, verdict: Verdict) -> None:
    """A lead that chance explains is no lead."""
    assert paired(ahead, behind).verdict is verdict


def test_interval_covers_the_difference_as_often_as_it_says() -> None:
    """In 2,000 draws of known truth, about 95 % of the intervals hold it."""
    draws = np.random.default_rng(0).multinomial(500, [0.9, 0.06, 0.01, 0.03], size=2000)
    inside = 0
    for both, ahead, behind, _ in draws.tolist():
        found = Comparison(images=500, both=both, only_challenger=ahead, only_champion=behind)
        low, high = found.interval
        inside += low <= 0.05 <= high
    assert 0.93 < inside / 2000 < 0.975


def test_answers_are_counted_in_pairs() -> None:
    """Each image counts once, by who was right; the text carries every figure."""
    found = compare(np.array([1, 1, 0, 0, 1], bool), np.array([1, 0, 1, 0, 0], bool))
    assert (found.both, found.only_challenger, found.only_champion) == (1, 2, 1)
    assert found.challenger_accuracy == 0.6
    assert found.champion_accuracy == 0.4
    for figure in ("60.00%", "40.00%", "+20.00%", "5 test images", "p = 1"):
        assert figure in str(found)


def test_other_images_are_refused() -> None:
    """Answers to different numbers of images cannot be paired."""
    with pytest.raises(ValueError, match="the same images"):
        compare(np.ones(3, bool), np.ones(4, bool))
