"""Thresholds of known images and of sets: against counts by hand, and what coverage comes out."""

import numpy as np
import pytest

from contract.arrays import Labels, Probabilities
from pipeline.export import limits


def test_the_asked_share_is_known() -> None:
    """At the threshold or above lie 95 of 100 values, whatever their order."""
    values = np.random.default_rng(0).permutation(np.linspace(0, 1, 100)).astype(np.float32)
    found = limits.familiarity(values, kept=0.95)
    assert (values >= found.threshold).sum() == 95
    assert limits.unknown(values, found).fractions == (0.05, 0.95)


def test_threshold_is_the_finite_sample_quantile() -> None:
    """Of 99 images at 0.9, the 90th greatest probability of the true class: ⌈100 · 0.9⌉."""
    given = np.linspace(0.01, 0.99, 99).astype(np.float32)
    probabilities = np.stack([given, 1 - given], axis=1)
    found = limits.conformal(probabilities, np.zeros(99, np.int64), coverage=0.9)
    assert found is not None
    assert found.least == pytest.approx(np.sort(given)[::-1][89])


@pytest.mark.parametrize(("images", "is_given"), [(98, False), (99, True)])
def test_too_few_images_give_no_set(images: int, is_given: bool) -> None:  # noqa: FBT001 - a column
    """At 0.99, ⌈1 / 0.01⌉ - 1 = 99 images are needed."""
    assert limits.least_images(0.99) == 99
    probabilities = np.full((images, 2), 0.5, np.float32)
    found = limits.conformal(probabilities, np.zeros(images, np.int64), coverage=0.99)
    assert (found is not None) == is_given


def test_new_images_are_covered_as_promised() -> None:
    """Over 200 draws of exchangeable images, 0.9 lies below the mean coverage, and close to it."""
    generator = np.random.default_rng(0)

    def draw(count: int) -> tuple[Probabilities, Labels]:
        rows = generator.dirichlet((1, 1, 1), count)
        labels = np.array([generator.choice(3, p=row) for row in rows])
        return rows.astype(np.float32), labels

    covered = []
    for _ in range(200):
        found = limits.conformal(*draw(60), coverage=0.9)
        assert found is not None
        rows, labels = draw(200)
        covered.append((rows[np.arange(200), labels] >= found.least).mean())
    assert 0.9 - 0.01 < np.mean(covered) < 0.93
