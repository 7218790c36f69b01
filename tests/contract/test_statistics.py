"""Statistics agree with naive loops, and the histograms are what the contract says."""

import math

import numpy as np

from contract import statistics
from contract.arrays import Images
from contract.statistics import Histogram, Reference


def make_images(count: int = 50, channels: int = 2) -> Images:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, channels, 5, 7), dtype=np.uint8)
    images[generator.random(images.shape) < 0.5] = 0
    return images


def assert_whole(histogram: Histogram, low: float, high: float) -> None:
    assert len(histogram.edges) == len(histogram.fractions) + 1
    assert (histogram.edges[0], histogram.edges[-1]) == (low, high)
    assert list(histogram.edges) == sorted(set(histogram.edges))
    assert math.isclose(sum(histogram.fractions), 1)


def described(images: Images) -> Reference:
    return statistics.reference(images, statistics.value_counts(images))


def test_mean_and_deviation_are_per_channel_on_the_unit_scale() -> None:
    """NumPy on floats is the oracle."""
    images = make_images()
    mean, std = statistics.channel_statistics(statistics.value_counts(images))
    scaled = images / 255
    assert np.allclose(mean, scaled.mean(axis=(0, 2, 3)))
    assert np.allclose(std, scaled.std(axis=(0, 2, 3)))


def test_mass_and_centre_agree_with_a_loop() -> None:
    """Each pixel of each image, added by hand."""
    images = make_images(count=6)
    images[3] = 0
    masses, rows, columns = statistics.image_statistics(images)
    for index, image in enumerate(images):
        plane = image.mean(axis=0)
        total = sum(plane[r, c] for r in range(5) for c in range(7))
        row = sum(r * plane[r, c] for r in range(5) for c in range(7))
        column = sum(c * plane[r, c] for r in range(5) for c in range(7))
        assert math.isclose(masses[index], total / 35 / 255, abs_tol=1e-12)
        assert math.isclose(rows[index], row / total / 4 if total else 0.5)
        assert math.isclose(columns[index], column / total / 6 if total else 0.5)


def test_statistics_do_not_depend_on_the_chunks() -> None:
    """More images than a chunk give what the parts give."""
    images = make_images(count=10)
    images = np.tile(images, (statistics.CHUNK_BYTES // images.nbytes + 2, 1, 1, 1))
    masses, _, _ = statistics.image_statistics(images)
    assert np.array_equal(masses[:10], masses[-10:])
    assert len(masses) == len(images)
    assert statistics.value_counts(images).sum() == images.size


def test_histograms_span_their_scales() -> None:
    """Ten bins of intensity, deciles of the others, fractions that add up to one."""
    found = described(make_images())
    assert_whole(found.intensity, 0, 255)
    assert found.intensity.edges[1] == 25.5
    for histogram in (found.ink_mass, found.centre_row, found.centre_column):
        assert_whole(histogram, 0, 1)
        assert np.allclose(histogram.fractions, 0.1, atol=0.03)


def test_repeated_values_merge_their_bins() -> None:
    """A set of equal images has one inner edge."""
    found = described(np.full((20, 1, 5, 5), 51, np.uint8))
    assert found.ink_mass.edges == (0.0, 0.2, 1.0)
    assert found.ink_mass.fractions == (0.0, 1.0)
    assert_whole(described(np.zeros((20, 1, 5, 5), np.uint8)).ink_mass, 0, 1)
