"""What a promotion says of two models' limits."""

import pytest

from pipeline.lifecycle import knowing

CHAMPION = {"metrics.foreign_auroc.letters": "0.98", "metrics.foreign_auroc.two_in_one": "0.99"}


def measured(letters: float, two: float) -> dict[str, float]:
    return {
        "test.accuracy": 0.99,
        "foreign_auroc.letters": letters,
        "foreign_auroc.two_in_one": two,
    }


@pytest.mark.parametrize(
    ("letters", "two", "words"),
    [
        (0.979, 0.991, "as much of its limits: mean AUROC 0.985 against 0.985 on 2 foreign sets"),
        (0.99, 0.996, "more of its limits: mean AUROC 0.993 against 0.985"),
        (0.97, 0.90, "less of its limits: mean AUROC 0.935 against 0.985 on 2 foreign sets, most"),
        (0.97, 0.90, "most of all two in one: 0.900 against 0.990"),
    ],
)
def test_equal_better_and_worse(letters: float, two: float, words: str) -> None:
    """By the mean over the sets that both were measured on; what is worse is named."""
    assert words in knowing.told(measured(letters, two), CHAMPION)


def test_where_one_says_nothing() -> None:
    """Files from before were not measured."""
    assert "champion says nothing" in knowing.told(measured(0.9, 0.9), {"net": "lenet"})
    assert "it says nothing" in knowing.told({"test.accuracy": 0.99}, CHAMPION)
    assert knowing.told({"test.accuracy": 0.99}, {}) == ""
