"""What is clear lies on white paper; as ink, alpha is the drawing where nothing else draws."""

import numpy as np
import pytest

from contract.reading.reader import flatten, read
from contract.reading.rules import BEFORE, current
from contract.reading.tones import Alpha, Planes
from tests.contract.reading.case import Bytes, clear, colour, grey, on_white
from tests.contract.reading.of_boxes import saved
from tests.contract.reading.of_png import GREY, GREY_ALPHA, RGB_ALPHA, chunk, png

INKS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (220, 10, 10),
}


def flat(data: bytes, alpha: Alpha, channels: int = 1) -> Planes:
    return flatten(data, rules=current(), channels=channels, target=None, alpha=alpha)


def inked(name: str, alpha: Bytes) -> bytes:
    """One colour throughout; what cannot be seen has others."""
    picture = np.where(alpha[..., None] > 0, np.array(INKS[name], np.uint8), colour())
    return png(np.dstack([picture, alpha]), RGB_ALPHA, 8)


@pytest.mark.parametrize("name", INKS)
@pytest.mark.parametrize("channels", [1, 3])
def test_one_visible_colour_is_ink(name: str, channels: int) -> None:
    """Whatever the colour: alpha itself, in each channel; on paper it keeps its colour."""
    alpha = clear()
    data = inked(name, alpha)
    assert np.array_equal(flat(data, "ink", channels), np.stack([alpha] * channels))
    picture = np.broadcast_to(np.array(INKS[name], np.uint8), (*alpha.shape, 3))
    paper = flat(data, "paper", 3)
    assert np.array_equal(np.moveaxis(paper, 0, -1), on_white(picture, alpha))


def test_nothing_visible_is_an_empty_sheet() -> None:
    """White paper, or no ink at all, which is black."""
    nothing = png(np.dstack([colour(), np.zeros_like(grey())]), RGB_ALPHA, 8)
    assert flat(nothing, "paper").min() == 255
    assert flat(nothing, "ink").max() == 0


def test_two_visible_colours_lie_on_paper_either_way() -> None:
    """And so does one colour that is nowhere clear."""
    data = png(np.dstack([colour(), clear()]), RGB_ALPHA, 8)
    assert np.array_equal(flat(data, "ink", 3), flat(data, "paper", 3))
    opaque = png(np.dstack([np.full_like(grey(), 9), np.full_like(grey(), 255)]), GREY_ALPHA, 8)
    assert set(flat(opaque, "ink").ravel()) == {9}


def test_a_clear_colour_leaves_ink_as_well() -> None:
    """Grey PNG with two levels, one of them clear (tRNS): the other is the ink."""
    levels = (grey() > 128).astype(np.uint8)
    data = png(levels, GREY, 1, before=chunk(b"tRNS", b"\0\0"))
    assert np.array_equal(flat(data, "ink")[0], levels * 255)
    assert np.array_equal(flat(data, "paper")[0], np.full_like(levels, 255))


def test_version_0_always_takes_ink_and_later_ones_never() -> None:
    """A red logo on nothing: white ink to models of before, red on white to others."""
    data = inked("red", clear())
    shape = (3, *clear().shape)
    assert np.array_equal(read(data, rules=BEFORE, shape=shape), np.stack([clear()] * 3))
    later = read(data, rules=current(digit=True), shape=shape)
    assert np.array_equal(later, flat(data, "paper", 3))


def test_any_format_with_alpha_draws() -> None:
    """WebP as PNG does."""
    alpha = clear()
    samples = np.dstack([np.zeros_like(colour()), alpha])
    data = saved("WEBP", samples, lossless=True, exact=True)
    assert np.array_equal(flat(data, "ink")[0], alpha)
