"""Which way a picture goes into the model: its own rules, or the frame of a digit."""

import io
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray
from PIL import Image

from contract.reading.reader import read
from contract.reading.rules import BEFORE, Rules, current
from serving.errors import BadRequest, TooLarge, UnsupportedMediaType
from serving.pictures.digit import fit_digit
from serving.pictures.fitting import Fit, Way, fitted

Pixels = NDArray[np.uint8]
MNIST, RGB = (1, 28, 28), (3, 32, 24)
NOISE = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
DIGITS, PHOTOS = current(digit=True), current(digit=False)
OLD_DIGITS = replace(BEFORE, digit=True)


def written(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401 -- Pillow's
    with io.BytesIO() as file:
        image.save(file, kind, **options)
        return file.getvalue()


def way(rules: Rules, fit: Fit = "auto", shape: tuple[int, int, int] = MNIST) -> Way:
    return Way(rules=rules, shape=shape, fit=fit)


def stroke(*, width: int = 60, ink: int = 0, paper: int = 255) -> Image.Image:
    sheet = np.full((80, width), paper, np.uint8)
    sheet[20:60, 25:33] = ink
    return Image.fromarray(sheet)


@pytest.mark.parametrize("rules", [DIGITS, PHOTOS, OLD_DIGITS, BEFORE])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_of_the_models_size_is_read_as_training_reads(rules: Rules, kind: str) -> None:
    """Auto: whatever the rules say of digits."""
    data = written(Image.fromarray(NOISE), kind)
    expected = read(data, rules=rules, shape=MNIST)
    assert np.array_equal(fitted(data, way(rules)), expected)
    if kind == "PNG":
        assert np.array_equal(expected[0], NOISE)


@pytest.mark.parametrize("rules", [DIGITS, OLD_DIGITS])
def test_other_sizes_are_framed_where_the_rules_say_digit(rules: Rules) -> None:
    """The frame is digit.py's, of the grey picture."""
    sheet = stroke()
    expected = fit_digit(np.asarray(sheet), height=28, width=28)
    for fit in ("auto", "digit"):
        assert np.array_equal(fitted(written(sheet), way(rules, fit))[0], expected)
    assert not np.array_equal(fitted(written(sheet), way(rules, "resize"))[0], expected)


@pytest.mark.parametrize("shape", [MNIST, RGB])
@pytest.mark.parametrize("fit", ["auto", "resize"])
def test_elsewhere_the_models_own_way_is_taken(shape: tuple[int, int, int], fit: Fit) -> None:
    """Auto and resize are the reader's, pixel for pixel, for each way into the square."""
    data = written(stroke().convert("RGB"))
    for name in ("squeeze", "crop", "pad"):
        rules = current(fit=name)
        expected = read(data, rules=rules, shape=shape)
        assert np.array_equal(fitted(data, way(rules, fit, shape)), expected)


def test_alpha_is_ink_only_where_a_digit_is_framed() -> None:
    """A canvas on a transparent ground: the pen's colour does not matter to a digit's frame."""
    alpha = Image.fromarray(255 - np.asarray(stroke()))
    colour = Image.new("L", alpha.size, 255)
    canvas = written(Image.merge("RGBA", (colour, colour, colour, alpha)))
    framed = fit_digit(np.asarray(alpha), height=28, width=28)
    assert np.array_equal(fitted(canvas, way(DIGITS))[0], framed)
    assert fitted(canvas, way(DIGITS, "resize")).min() == 255, "white on white paper"
    assert fitted(canvas, way(PHOTOS)).min() == 255


def test_a_digit_for_a_colour_model_has_equal_planes() -> None:
    """Rules may say digit of a model of three channels."""
    framed = fitted(written(stroke()), way(DIGITS, shape=(3, 28, 28)))
    assert np.array_equal(framed[0], framed[2])
    assert framed.max() > 200


def test_fit_digit_by_name_needs_rules_that_say_so() -> None:
    """Whatever the size; version 0 says it for 28 by 28 grey alone."""
    for rules in (PHOTOS, BEFORE):
        with pytest.raises(BadRequest, match="digit"):
            way(rules, "digit").check_fit()
    way(DIGITS, "digit").check_fit()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", BadRequest),
        (written(Image.fromarray(NOISE))[:-20], BadRequest),
        (b"%PDF-1.7" * 9, UnsupportedMediaType),
        (b"<svg/>" * 20, UnsupportedMediaType),
        (bytes(900), UnsupportedMediaType),
    ],
)
@pytest.mark.parametrize("fit", ["auto", "resize", "digit"])
def test_each_fault_has_its_status(data: bytes, error: type[Exception], fit: Fit) -> None:
    """Broken and empty 400, no picture 415; texts repeat nothing."""
    with pytest.raises(error) as caught:
        fitted(data, way(DIGITS, fit))
    assert "PDF" not in str(caught.value)


def test_the_cap_is_the_smaller_of_two() -> None:
    """--max-pixels lowers the rules', and cannot raise it."""
    data = written(Image.new("L", (100, 100)))
    for rules, most in ((PHOTOS, 9999), (replace(PHOTOS, max_pixels=9999), 10**6)):
        with pytest.raises(TooLarge, match="pixels"):
            fitted(data, Way(rules=rules, shape=MNIST, max_pixels=most))
    assert fitted(data, Way(rules=PHOTOS, shape=MNIST, max_pixels=10_000)).shape == MNIST


def test_a_model_of_five_channels_takes_no_pictures() -> None:
    """The text says what to send instead."""
    with pytest.raises(BadRequest, match="send numbers"):
        way(PHOTOS, shape=(5, 28, 28)).check_channels()
