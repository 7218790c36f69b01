"""JPEGs are decoded no larger than needed, and their cost is known before."""

import numpy as np
import pytest

from contract.reading.cost import decoding_bytes
from contract.reading.errors import BrokenPicture
from contract.reading.reader import flatten, read
from contract.reading.rules import BEFORE, Fit, current
from tests.contract.reading.case import colour, exif, turned
from tests.contract.reading.of_jpeg import END, inks, jpeg

LONG = colour(400, 1600)  # rows, columns


def size_read(data: bytes, target: tuple[int, int], fit: Fit) -> tuple[int, ...]:
    planes = flatten(data, rules=current(fit=fit), channels=3, target=target, alpha="paper")
    return planes.shape[1:]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("fit", "target", "scale"),
    [
        ("squeeze", (50, 100), 4),
        ("squeeze", (51, 100), 2),
        ("squeeze", (25, 100), 8),
        ("squeeze", (25, 101), 4),
        ("crop", (50, 50), 4),
        ("crop", (51, 51), 2),
        ("crop", (10, 10), 8),
        ("crop", (10, 101), 4),
        ("pad", (100, 100), 8),
        ("pad", (101, 101), 4),
        ("pad", (25, 4000), 8),
        ("pad", (500, 500), 1),
    ],
)
def test_twice_the_size_resized_to_is_enough(
    fit: Fit, target: tuple[int, int], scale: int, orientation: int
) -> None:
    """Both axes count for squeeze and crop, the picture's own area for pad; upright ones."""
    data = jpeg(turned(LONG, orientation), exif=b"Exif\0\0" + exif(orientation))
    assert size_read(data, target, fit) == (400 // scale, 1600 // scale)


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (17, 2049)])
@pytest.mark.parametrize("fit", ["squeeze", "crop", "pad"])
def test_thin_ones_keep_at_least_a_pixel(size: tuple[int, int], fit: Fit) -> None:
    """No size is rounded to nothing."""
    data = jpeg(colour(*(max(2, side) for side in size))[: size[0], : size[1]])
    assert read(data, rules=current(fit=fit), shape=(3, 32, 32)).shape == (3, 32, 32)


def test_reduced_ones_look_as_whole_ones() -> None:
    """Within a few levels of the full decoding, for RGB, inks and progressive ones."""
    four = jpeg(inks(LONG), mode="CMYK")
    for data in (jpeg(LONG), jpeg(LONG, progressive=True), four):
        for shape in ((3, 50, 100), (1, 24, 31)):
            whole = read(data, rules=BEFORE, shape=shape).astype(int)
            reduced = read(data, rules=current(), shape=shape)
            assert np.abs(whole - reduced).mean() < 2


def test_the_cost_is_of_what_is_decoded() -> None:
    """Ten bytes a pixel after reduction; several scans keep all coefficients beside them."""
    shape = (3, 50, 100)
    data = jpeg(LONG, subsampling="4:4:4")
    assert decoding_bytes(data, rules=current(), shape=shape) == 400 * 100 * 10
    assert decoding_bytes(data, rules=BEFORE, shape=shape) == 400 * 1600 * 10
    assert decoding_bytes(data.removesuffix(END), rules=current(), shape=shape) == 400 * 1600 * 10
    parts = jpeg(LONG, progressive=True, subsampling="4:4:4")
    kept = 400 * 1600 * 3 * 2
    assert decoding_bytes(parts, rules=current(), shape=shape) == 400 * 100 * 10 + kept
    sideways = jpeg(turned(LONG, 6), exif=b"Exif\0\0" + exif(6))
    assert decoding_bytes(sideways, rules=current(), shape=shape) == 400 * 100 * 10


def test_a_lost_end_mark_is_found_at_any_target() -> None:
    """What is missing is missing, however small the picture is read."""
    whole = jpeg(LONG)
    cut = whole.removesuffix(END)[:-3]
    for side in (4, 25, 300):
        shape = (3, side, side)
        mended = read(whole.removesuffix(END), rules=current(), shape=shape)
        assert np.array_equal(mended, read(whole, rules=current(), shape=shape))
        with pytest.raises(BrokenPicture, match="truncated"):
            read(cut, rules=current(), shape=shape)
