"""Pictures that are equal, or nearly so, after all of them have been prepared."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.arrays import Images
from pipeline.data.split import Indices

BANDS, BAND_BITS = 4, 16
CLOSE_BITS = 6  # of 64 that may differ; up to 3 are sure to be found
NEIGHBOURS = 128  # compared in a band: where more share it, their hash tells little
MOST_PAIRS = 50_000  # whose pixels are compared, the closest first
ENOUGH_PAIRS = 20 * MOST_PAIRS  # in a set of blank pictures all look alike
THUMB = 16  # px
RELATIVE, ABSOLUTE = 0.25, 1.0  # of the deviation of the flatter one; levels


def equal_sets(fingerprints: NDArray[np.uint64], places: Indices) -> list[Indices]:
    """The places, rising, of each set of two or more equal fingerprints."""
    known = fingerprints[places]
    order = np.argsort(known, kind="stable")
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(known[order])) + 1, [len(order)]])
    several = np.flatnonzero(np.diff(bounds) > 1)
    return [np.sort(places[order[bounds[one] : bounds[one + 1]]]) for one in several.tolist()]


def near_pairs(
    likeness: NDArray[np.uint64], pixels: Callable[[int], Images]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs (n, 2) of indexes whose pictures look alike in colour, and how far apart they are.

    `pixels` gives the image (C, H, W) of an index. Difference hashes choose the pairs; thumbnails
    of THUMB pixels then decide: their root mean square difference is below a quarter of the
    smaller standard deviation. The closest come first. Some pairs are not found: this
    informs, and forbids nothing.
    """
    pairs = _candidates(likeness)
    unique, where = np.unique(pairs, return_inverse=True)
    if not len(unique):
        return np.empty((0, 2), np.int64), np.empty(0)
    thumbs = np.stack([_thumb(pixels(int(index))) for index in unique])
    spread = np.sqrt(thumbs.var(axis=(2, 3)).mean(axis=1))  # within the channels
    left, right = where.reshape(-1, 2).T
    distance = np.array(
        [np.sqrt(np.mean((thumbs[a] - thumbs[b]) ** 2)) for a, b in zip(left, right, strict=True)]
    )
    allowed = np.maximum(RELATIVE * np.minimum(spread[left], spread[right]), ABSOLUTE)
    near = np.flatnonzero(distance <= allowed)
    near = near[np.argsort(distance[near], kind="stable")]
    return pairs[near], distance[near]


def _candidates(likeness: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(n, 2) pairs of few differing bits, each once, the closest first."""
    found = [np.empty((0, 2), np.int64)]
    for band in range(BANDS):
        for pairs in _within(likeness, band):
            found.append(pairs)
            if sum(map(len, found)) > ENOUGH_PAIRS:
                break
    pairs = np.unique(np.concatenate(found), axis=0)
    bits = np.bitwise_count(likeness[pairs[:, 0]] ^ likeness[pairs[:, 1]])
    return pairs[np.argsort(bits, kind="stable")][:MOST_PAIRS]


def _within(likeness: NDArray[np.uint64], band: int) -> Iterator[NDArray[np.int64]]:
    """Sort by one band first, and compare each with those that follow and share it."""
    turned = np.bitwise_or(
        likeness << np.uint64(band * BAND_BITS), likeness >> np.uint64((64 - band * BAND_BITS) % 64)
    )
    order = np.argsort(turned, kind="stable")
    keys = turned[order] >> np.uint64(64 - BAND_BITS)
    hashes = likeness[order]
    for step in range(1, min(NEIGHBOURS, len(order) - 1) + 1):
        shared = keys[:-step] == keys[step:]
        if not shared.any():
            return
        close = np.bitwise_count(hashes[:-step] ^ hashes[step:]) <= CLOSE_BITS
        first = np.flatnonzero(shared & close)
        yield np.sort(np.stack([order[first], order[first + step]], axis=1), axis=1)


def _thumb(image: Images) -> NDArray[np.float32]:
    """(C, THUMB, THUMB)."""
    size, box = (THUMB, THUMB), Image.Resampling.BOX
    return np.stack(
        [np.asarray(Image.fromarray(plane).resize(size, box), np.float32) for plane in image]
    )
