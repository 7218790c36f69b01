"""The contact sheet shows each class in a row."""

import io

import numpy as np
from PIL import Image

from pipeline.data import contact_sheet


def sheet(images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Image.Image:
    return Image.open(io.BytesIO(contact_sheet.contact_sheet(images, labels, classes)))


def test_each_class_has_a_row_of_its_colour() -> None:
    """Colours stand where their class's row is, and nowhere else."""
    images = np.zeros((6, 3, 32, 32), np.uint8)
    images[:3, 0] = 255
    images[3:, 2] = 255
    picture = np.asarray(sheet(images, np.array([0, 0, 0, 1, 1, 1]), ("red", "blue")))
    half = picture.shape[0] // 2
    for part, colour in ((picture[:half], (255, 0, 0)), (picture[half:], (0, 0, 255))):
        pure = {(255, 0, 0), (0, 0, 255)} & set(map(tuple, part.reshape(-1, 3).tolist()))
        assert pure == {colour}


def test_many_classes_end_in_a_note() -> None:
    """A thousand rows would be read by nobody."""
    count = contact_sheet.ROWS + 20
    images = np.zeros((count, 1, 8, 8), np.uint8)
    tall = sheet(images, np.arange(count), tuple(map(str, range(count))))
    exact = sheet(images[: contact_sheet.ROWS], np.arange(100), tuple(map(str, range(100))))
    assert exact.height < tall.height < exact.height * 1.05


def test_a_class_without_a_training_image_has_an_empty_row() -> None:
    """A limited run may leave a class with few images: the sheet is made all the same."""
    images = np.full((2, 1, 28, 28), 7, np.uint8)
    assert sheet(images, np.array([0, 0]), ("a", "b")).height > 100
