"""Every file of the corpus gives the picture that was put into it, or the refusal that is due."""

import numpy as np
import pytest

from contract.reading.cost import decoding_bytes
from contract.reading.reader import read
from contract.reading.rules import Fit, current
from contract.reading.signatures import format_of
from tests.contract.reading.case import EXACT
from tests.contract.reading.corpus import Case, cases
from tests.contract.reading.oracle import expected

FITS: tuple[Fit, ...] = ("squeeze", "crop", "pad")
SIZES = ((24, 20), (57, 80))
GOOD = [case for case in cases() if case.picture is not None]
BAD = [case for case in cases() if case.refusal is not None]


def test_there_is_enough_of_everything() -> None:
    """Over 300 files of nine formats, of different names; a third of them is refused."""
    names = [case.name for case in cases()]
    assert len(set(names)) == len(names) >= 300
    assert len(BAD) >= 100
    assert {case.format for case in GOOD} >= {"PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"}


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_pixels_are_those_put_in(case: Case) -> None:
    """RGB and grey, three ways into two sizes: within a level of a filter in floating point."""
    assert case.picture is not None
    assert format_of(case.data) == case.format
    for fit in FITS:
        for height, width in SIZES:
            for channels in (1, 3):
                shape = (channels, height, width)
                pixels = read(case.data, rules=current(fit=fit), shape=shape)
                off = np.abs(pixels - expected(case.picture, shape, fit))
                assert pixels.shape == shape
                assert pixels.dtype == np.uint8
                if case.tolerance == EXACT:
                    assert off.max() <= 1.01
                else:
                    assert off.mean() <= case.tolerance


@pytest.mark.parametrize(
    "case", [case for case in GOOD if case.tolerance == EXACT], ids=lambda case: case.name
)
def test_the_exact_size_is_left_as_it_is(case: Case) -> None:
    """Where nothing is resized, every level is the one put in."""
    assert case.picture is not None
    picture = np.atleast_3d(case.picture)
    pixels = read(case.data, rules=current(fit="crop"), shape=(3, *picture.shape[:2]))
    assert np.array_equal(pixels, np.broadcast_to(np.moveaxis(picture, -1, 0), pixels.shape))


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_refusals_are_of_their_kind_and_say_what_to_do(case: Case) -> None:
    """Both for grey and RGB, with a sentence that names what is given and no file or module."""
    assert case.refusal is not None
    assert format_of(case.data) == case.format
    for channels in (1, 3):
        with pytest.raises(case.refusal) as caught:
            read(case.data, rules=current(), shape=(channels, 24, 20))
        assert type(caught.value) is case.refusal
        text = str(caught.value)
        assert 20 < len(text) < 250
        assert "Traceback" not in text
        assert "BytesIO" not in text


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_the_cost_is_known_of_all_that_is_read(case: Case) -> None:
    """From the head: never nothing, and never more than the whole picture's tenfold and more."""
    assert case.picture is not None
    cost = decoding_bytes(case.data, rules=current(), shape=(3, 24, 20))
    assert 0 < cost <= (case.picture.shape[0] + 15) * (case.picture.shape[1] + 15) * 20
