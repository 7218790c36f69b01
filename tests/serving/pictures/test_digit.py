"""A digit survives what happens to it on paper, on a canvas and in a JPEG.

The oracle is a nearest-neighbour classifier on scikit-learn's 1,797 digits, framed the same way.
"""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from serving.pictures.digit import fit_digit

Plane = NDArray[np.uint8]
Change = Callable[[Plane], Plane]
RNG = np.random.default_rng(5)


def larger(image: Plane, times: int) -> Plane:
    size = (image.shape[1] * times, image.shape[0] * times)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def pasted(image: Plane, side: int, paper: int) -> Plane:
    sheet = np.full((side, side), paper, np.uint8)
    top, left = RNG.integers(0, side - max(image.shape), 2)
    sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    return sheet


def as_jpeg(image: Plane, quality: int = 75) -> Plane:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("L"))


def photographed(image: Plane) -> Plane:
    """Dark pen on unevenly lit paper, with sensor noise."""
    ink = pasted(larger(image, 4), 300, 0) / 255
    y, x = np.mgrid[-1:1:300j, -1:1:300j]
    light = 190 + 40 * x - 25 * y - 20 * (x * x + y * y)
    return as_jpeg(
        (light * (1 - 0.55 * ink) + RNG.normal(0, 5, ink.shape)).clip(0, 255).astype(np.uint8)
    )


CHANGES: dict[str, Change] = {
    "inverted": lambda image: 255 - image,
    "scaled": lambda image: larger(image, 3),
    "shifted": lambda image: np.roll(image, (4, -3), (0, 1)),
    "pasted on white": lambda image: pasted(255 - image, 128, 255),
    "pasted on black": lambda image: pasted(image, 128, 0),
    "a card on white paper": lambda image: pasted(image, 100, 255),
    "saved as JPEG": as_jpeg,
    "all of it": lambda image: as_jpeg(pasted(255 - larger(image, 3), 256, 255)),
    "in pale pencil": lambda image: 200 - image // 8,
    "photographed": photographed,
}


def mnist_like(small: NDArray[np.float64]) -> Plane:
    """An 8 by 8 digit of 17 levels on a 28 by 28 black sheet."""
    return np.pad(larger((small * 15.9).astype(np.uint8), 2), 6)


@pytest.fixture(scope="module")
def digits() -> tuple[list[Plane], NDArray[np.int64]]:
    images, labels = load_digits(return_X_y=True)
    return [mnist_like(image.reshape(8, 8)) for image in images], labels


@pytest.fixture(scope="module")
def classify(
    digits: tuple[list[Plane], NDArray[np.int64]],
) -> Callable[[list[Plane]], NDArray[np.int64]]:
    """Classify framed digits by three neighbours among the first 1,200."""
    images, labels = digits
    neighbours = KNeighborsClassifier(3).fit(framed(images[:1200]), labels[:1200])
    return lambda pictures: np.asarray(neighbours.predict(framed(pictures)))


def framed(images: list[Plane]) -> NDArray[np.float64]:
    rows = [fit_digit(image, height=28, width=28).ravel() for image in images]
    return np.asarray(rows, np.float64)


@pytest.mark.parametrize("name", CHANGES)
def test_accuracy_survives(
    name: str,
    digits: tuple[list[Plane], NDArray[np.int64]],
    classify: Callable[[list[Plane]], NDArray[np.int64]],
) -> None:
    """Within 1.5 points of the unchanged digits, on 400 held-out ones."""
    images, labels = digits[0][1200:1600], digits[1][1200:1600]
    plain = float((classify(images) == labels).mean())
    changed = float((classify([CHANGES[name](image) for image in images]) == labels).mean())
    assert plain > 0.95
    assert changed >= plain - 0.015


def test_the_box_is_20_and_the_mass_is_in_the_middle() -> None:
    """Whatever the size and place, the longer side is 20 px and the mass centre is pixel 14."""
    bar = np.zeros((90, 200), np.uint8)
    bar[11:41, 150:162] = 255
    out = fit_digit(bar, height=28, width=28)
    rows, columns = np.flatnonzero(out.any(axis=1)), np.flatnonzero(out.any(axis=0))
    assert (rows.size, columns.size) == (20, 8)
    assert abs(float(rows.mean()) - 14) <= 0.5
    assert abs(float(columns.mean()) - 14) <= 0.5
    assert fit_digit(bar, height=56, width=70).shape == (56, 70)


@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_an_empty_sheet_has_no_ink(level: int) -> None:
    """Blank, whatever its grey, with or without a little noise: all black, no false digit."""
    sheet = np.full((120, 160), level, np.uint8)
    noisy = (sheet + RNG.normal(0, 2, sheet.shape)).clip(0, 255).astype(np.uint8)
    for blank in (sheet, noisy):
        assert fit_digit(blank, height=28, width=28).max() == 0


def test_a_dot_is_a_drawing_too() -> None:
    """One pixel of ink on a large sheet is found and framed."""
    sheet = np.full((200, 200), 255, np.uint8)
    sheet[17, 180] = 0
    assert fit_digit(sheet, height=28, width=28).max() == 255


def test_a_fine_pen_is_widened_to_a_stroke_of_mnist() -> None:
    """A line of 1 px in 300 would fade to a thirtieth of white; it stays bright."""
    sheet = np.full((400, 400), 255, np.uint8)
    sheet[50:350, 200:202] = 0
    sheet[50:52, 100:202] = 0
    out = fit_digit(sheet, height=28, width=28)
    assert np.median(out[out > 0]) > 100
    assert 20 < np.count_nonzero(out) < 120


def test_specks_do_not_move_the_frame() -> None:
    """Dust beside the digit is no part of it."""
    sheet = np.full((200, 200), 255, np.uint8)
    sheet[60:140, 90:110] = 0
    clean = fit_digit(sheet, height=28, width=28)
    sheet[5:8, 5:8] = sheet[190:193, 180:183] = 40
    assert np.array_equal(fit_digit(sheet, height=28, width=28), clean)
