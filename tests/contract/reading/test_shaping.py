"""Any rectangle goes into any other, as the book says, in three ways."""

import numpy as np
import pytest

from contract.reading.rules import Fit
from contract.reading.shaping import into_shape
from tests.contract.reading.case import colour
from tests.contract.reading.oracle import expected

FITS: tuple[Fit, ...] = ("squeeze", "crop", "pad")


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (1, 1), (2, 7), (100, 31), (640, 480)])
@pytest.mark.parametrize("target", [(32, 32), (28, 40), (1, 9), (224, 5)])
def test_it_is_a_triangle_filter_over_the_area(
    fit: Fit, size: tuple[int, int], target: tuple[int, int]
) -> None:
    """Within a level of floating point, however long and thin."""
    picture = colour(*(max(2, side) for side in size))[: size[0], : size[1]]
    planes = np.ascontiguousarray(np.moveaxis(picture, -1, 0))
    fitted = into_shape(planes, height=target[0], width=target[1], fit=fit)
    assert fitted.shape == (3, *target)
    assert np.abs(fitted - expected(picture, (3, *target), fit)).max() <= 1.01


def test_grey_is_resized_as_each_band_is() -> None:
    """One code path: a band on its own gives what it gives among three."""
    planes = np.ascontiguousarray(np.moveaxis(colour(90, 70), -1, 0))
    for fit in FITS:
        together = into_shape(planes, height=20, width=31, fit=fit)
        for band in range(3):
            alone = into_shape(planes[band : band + 1], height=20, width=31, fit=fit)
            assert np.array_equal(alone[0], together[band])


def test_what_each_way_keeps() -> None:
    """A white middle third between black: squeezed it is a third, cropped all, padded has bars."""
    planes = np.zeros((1, 60, 180), np.uint8)
    planes[..., 60:120] = 255
    squeezed = into_shape(planes, height=30, width=30, fit="squeeze")[0]
    assert (squeezed > 127).sum(axis=1).tolist() == [10] * 30
    assert into_shape(planes, height=30, width=30, fit="crop").min() >= 127
    padded = into_shape(planes, height=30, width=30, fit="pad")[0]
    assert np.flatnonzero(padded.any(axis=1)).tolist() == list(range(10, 20))
    assert np.flatnonzero(padded.max(axis=0) > 127).tolist() == list(range(10, 20))


@pytest.mark.parametrize("fit", FITS)
def test_the_exact_size_is_not_touched(fit: Fit) -> None:
    """Identity, noise and all."""
    planes = np.random.default_rng(3).integers(0, 256, (3, 33, 47), np.uint8)
    assert np.array_equal(into_shape(planes, height=33, width=47, fit=fit), planes)
