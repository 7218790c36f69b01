"""The temperature: found where probabilities are overconfident, left alone where they are not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.export import temperature

Draw = tuple[NDArray[np.float64], NDArray[np.int64]]


def drawn(images: int, *, sharper: float) -> Draw:
    """Logits `sharper` times as large as those that the labels were drawn by."""
    generator = np.random.default_rng(1)
    logits = generator.normal(0, 2, (images, 5))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([generator.choice(5, p=row) for row in shares])
    return logits * sharper, labels


def test_overconfidence_is_undone() -> None:
    """Logits three times too large need a temperature of about three."""
    found = temperature.chosen(*drawn(2000, sharper=3.0), "auto")
    assert found.value == pytest.approx(3, abs=0.3)
    assert "lowers" in found.reason


def test_calibrated_probabilities_are_left_alone() -> None:
    """What the other half does not confirm beyond its error is not kept."""
    found = temperature.chosen(*drawn(2000, sharper=1.0), "auto")
    assert (found.value, found.reason[-8:]) == (1.0, "not kept")


def test_few_images_decide_nothing() -> None:
    """Below 400 validation images none is fitted, however wrong the probabilities are."""
    assert temperature.chosen(*drawn(399, sharper=3.0), "auto").value == 1
    assert temperature.chosen(*drawn(400, sharper=3.0), "auto").value > 2


def test_a_number_is_taken_as_it_is() -> None:
    """Without a look at the images."""
    assert temperature.chosen(*drawn(10, sharper=3.0), 1.7).value == 1.7


def test_losses_are_the_naive_formula() -> None:
    """-log of the softmax of the true class, at any temperature."""
    logits, labels = drawn(20, sharper=1.0)
    powers = np.exp(logits / 2.5)
    expected = -np.log(powers[np.arange(20), labels] / powers.sum(axis=1))
    assert temperature.losses(logits, labels, 2.5) == pytest.approx(expected)
