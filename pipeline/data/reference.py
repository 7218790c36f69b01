"""What the training images look like, as numbers: mean, deviation, histograms against drift."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import Histogram, Images, Reference

CHUNK = 4096  # images; bounds the memory that the widening to int64 takes
INTENSITY_BINS = 10
DECILES = np.arange(1, 10) / 10


def channel_statistics(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) of each channel on the 0-1 scale, from whole numbers: the same everywhere."""
    levels = range(256)
    means, deviations = [], []
    for counts in value_counts(images).tolist():
        total = sum(counts)
        first = sum(level * count for level, count in zip(levels, counts, strict=True))
        second = sum(level**2 * count for level, count in zip(levels, counts, strict=True))
        means.append(first / (255 * total))
        deviations.append(math.sqrt((second * total - first**2) / (255 * total) ** 2))
    return tuple(means), tuple(deviations)


def value_counts(images: Images) -> NDArray[np.int64]:
    """(C, 256) times that each value stands in each channel."""
    counts = np.zeros((images.shape[1], 256), np.int64)
    for start in range(0, len(images), CHUNK):
        for channel in range(images.shape[1]):
            pixels = images[start : start + CHUNK, channel].reshape(-1)
            counts[channel] += np.bincount(pixels, minlength=256)
    return counts


def reference(images: Images) -> Reference:
    mass, row, column = image_statistics(images)
    return Reference(
        intensity=_intensity(value_counts(images).sum(axis=0)),
        ink_mass=deciles(mass),
        centre_row=deciles(row),
        centre_column=deciles(column),
    )


def image_statistics(
    images: Images,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(mass, row, column) of each image, each from 0 to 1; an empty image's centre is its middle.

    Mass is the mean pixel; row and column the intensity-weighted centre over the channel mean.
    """
    chunks = [_statistics(images[at : at + CHUNK]) for at in range(0, len(images), CHUNK)]
    mass, row, column = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return mass, row, column


def _statistics(images: Images) -> tuple[NDArray[np.float64], ...]:
    plane = images.sum(axis=1, dtype=np.uint32)  # (N, H, W)
    rows, columns = plane.sum(axis=2, dtype=np.int64), plane.sum(axis=1, dtype=np.int64)
    total = rows.sum(axis=1)
    mass = total / (255 * images[0].size)
    return mass, _centre(rows, total), _centre(columns, total)


def _centre(profile: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.float64]:
    size = profile.shape[1]
    weighted = profile @ np.arange(size)
    centre: NDArray[np.float64] = np.where(
        total > 0, weighted / np.maximum(total * max(size - 1, 1), 1), 0.5
    )
    return centre


def _intensity(counts: NDArray[np.int64]) -> Histogram:
    edges = np.linspace(0, 255, INTENSITY_BINS + 1)
    binned, _ = np.histogram(np.arange(256), bins=edges, weights=counts)
    return _histogram(edges, binned)


def deciles(values: NDArray[np.float64], *, decimals: int = 17) -> Histogram:
    """Ten bins of equal weight; where values, or edges of so many decimals, repeat, fewer."""
    edges = np.unique([0.0, *np.quantile(values, DECILES).round(decimals), 1.0])
    counts, _ = np.histogram(values, bins=edges)
    return _histogram(edges, counts)


def _histogram(edges: NDArray[np.float64], counts: NDArray[np.generic]) -> Histogram:
    fractions = np.asarray(counts, np.float64) / np.sum(counts)
    return Histogram(edges=tuple(edges.tolist()), fractions=tuple(fractions.tolist()))
