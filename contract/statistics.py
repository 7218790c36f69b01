"""What images look like, as numbers: mean, deviation, and the histograms that drift compares.

Training measures its images so, and a server those that it is asked about.
"""

import math
from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image

from contract.arrays import Images

CHUNK_BYTES = 4 << 20  # of images at once; their sums take four times as much
INTENSITY_BINS = 10
DECILES = np.arange(1, 10) / 10


class Histogram(Struct, frozen=True, kw_only=True):
    """`edges` has one value more than `fractions`; a bin takes its left edge, the last one both."""

    edges: tuple[float, ...]
    fractions: tuple[float, ...]


class Reference(Struct, frozen=True, kw_only=True):
    """Histograms of the training split, against which drift is measured."""

    intensity: Histogram  # 0-255, over all pixels
    ink_mass: Histogram  # mean of pixel/255, per image
    centre_row: Histogram  # 0 top to 1 bottom, per image
    centre_column: Histogram  # 0 left to 1 right, per image


def channel_statistics(
    counted: NDArray[np.int64],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) of each channel on the 0-1 scale, from whole numbers: the same everywhere.

    `counted` is what `value_counts` gives.
    """
    levels = range(256)
    means, deviations = [], []
    for counts in counted.tolist():
        total = sum(counts)
        first = sum(level * count for level, count in zip(levels, counts, strict=True))
        second = sum(level**2 * count for level, count in zip(levels, counts, strict=True))
        means.append(first / (255 * total))
        deviations.append(math.sqrt((second * total - first**2) / (255 * total) ** 2))
    return tuple(means), tuple(deviations)


def value_counts(images: Images) -> NDArray[np.int64]:
    """(C, 256) times that each value stands in each channel."""
    counts = np.zeros((images.shape[1], 256), np.int64)
    for chunk in _chunks(images):
        for channel in range(images.shape[1]):
            plane = Image.fromarray(chunk[:, channel].reshape(-1, images.shape[3]))
            counts[channel] += plane.histogram()  # a third of the time of np.bincount
    return counts


def reference(images: Images, counted: NDArray[np.int64]) -> Reference:
    """`counted` is what `value_counts` gives."""
    mass, row, column = image_statistics(images)
    return Reference(
        intensity=_intensity(counted.sum(axis=0)),
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
    chunks = [_statistics(chunk) for chunk in _chunks(images)]
    mass, row, column = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return mass, row, column


def _chunks(images: Images) -> Iterator[Images]:
    step = max(CHUNK_BYTES // max(images[:1].nbytes, 1), 1)
    return (images[at : at + step] for at in range(0, len(images), step))


def _statistics(images: Images) -> tuple[NDArray[np.float64], ...]:
    """All sums are whole numbers below 2**53, so that any order of adding gives the same bits."""
    one_channel = images.shape[1] == 1
    plane = images[:, 0] if one_channel else images.sum(axis=1, dtype=np.uint32)  # (N, H, W)
    rows, columns = (plane.sum(axis=axis, dtype=np.uint32) for axis in (2, 1))
    total = rows.sum(axis=1, dtype=np.int64)
    mass = total / (255 * images[0].size)
    return mass, _centre(rows, total), _centre(columns, total)


def _centre(profile: NDArray[np.uint32], total: NDArray[np.int64]) -> NDArray[np.float64]:
    size = profile.shape[1]
    weighted = profile @ np.arange(size, dtype=np.float64)
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
