"""The trained model on disturbed MNIST test images: within 1.5 points of the untouched ones."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from PIL import Image

from contract.reading.rules import current
from serving.pictures.fitting import Fit, Way, fitted
from tests.serving.live import ROOT

pytestmark = pytest.mark.soak

Plane = NDArray[np.uint8]  # (H, W)
SHAPE = (1, 28, 28)
COUNT = 2000
POINTS = 0.015
MODEL, PREPARED = ROOT / "models/model.onnx", ROOT / "data/prepared"
RNG = np.random.default_rng(11)


def larger(image: Plane, times: int = 3) -> Plane:
    size = (image.shape[1] * times, image.shape[0] * times)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def shifted(image: Plane) -> Plane:
    """By up to 10 px each way, on a sheet with room for it."""
    down, right = RNG.integers(0, 21, 2)
    return np.pad(image, ((down, 20 - down), (right, 20 - right)))


def pasted(image: Plane, side: int, paper: int) -> Plane:
    sheet = np.full((side, side), paper, np.uint8)
    top, left = RNG.integers(0, side - max(image.shape), 2)
    sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    return sheet


def photographed(image: Plane) -> Plane:
    """Dark pen on unevenly lit paper, with sensor noise."""
    ink = pasted(larger(image, 5), 320, 0) / 255
    y, x = np.mgrid[-1:1:320j, -1:1:320j]
    light = 180 + 45 * x - 30 * y - 25 * (x * x + y * y)
    noisy: NDArray[np.float64] = light * (1 - 0.5 * ink) + RNG.normal(0, 6, ink.shape)
    return noisy.clip(0, 255).astype(np.uint8)


CHANGES: dict[str, tuple[Callable[[Plane], Plane], str, Fit]] = {
    "framed again": (lambda image: image, "PNG", "digit"),
    "inverted": (lambda image: 255 - image, "PNG", "digit"),
    "scaled": (larger, "PNG", "auto"),
    "shifted": (shifted, "PNG", "auto"),
    "pasted on white": (lambda image: pasted(255 - image, 200, 255), "PNG", "auto"),
    "pasted on black": (lambda image: pasted(image, 200, 0), "PNG", "auto"),
    "saved as JPEG": (lambda image: image, "JPEG", "digit"),
    "all of it": (lambda image: pasted(255 - larger(image), 280, 255), "JPEG", "auto"),
    "photographed": (photographed, "JPEG", "auto"),
}
HARD = ("shifted", "all of it", "photographed")


def as_file(image: Plane, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def test_split() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    for path in (MODEL, PREPARED / "test_images.npy"):
        if not path.is_file():
            pytest.fail(f"{path.relative_to(ROOT)} is missing: run `make repro` first")
    images = np.load(PREPARED / "test_images.npy", mmap_mode="r")
    labels = np.load(PREPARED / "test_labels.npy")
    chosen = np.linspace(0, len(images) - 1, min(COUNT, len(images))).astype(int)
    return np.asarray(images[chosen]), labels[chosen]


@pytest.fixture(scope="module")
def accuracy(
    test_split: tuple[NDArray[np.uint8], NDArray[np.int64]],
) -> Callable[[NDArray[np.uint8]], float]:
    session = ort.InferenceSession(Path(MODEL), providers=["CPUExecutionProvider"])

    def measured(images: NDArray[np.uint8]) -> float:
        (probabilities,) = session.run(["probabilities"], {"images": images})
        return float((probabilities.argmax(axis=1) == test_split[1]).mean())

    return measured


@pytest.mark.parametrize(
    "name",
    [name if name in HARD else pytest.param(name, marks=pytest.mark.soak_all) for name in CHANGES],
)
def test_accuracy_survives(
    name: str,
    test_split: tuple[NDArray[np.uint8], NDArray[np.int64]],
    accuracy: Callable[[NDArray[np.uint8]], float],
) -> None:
    """Encoded, decoded and framed as the server does it."""
    change, kind, fit = CHANGES[name]
    files = [as_file(change(image[0]), kind) for image in test_split[0]]
    way = Way(rules=current(digit=True), shape=SHAPE, fit=fit)
    decoded = [fitted(data, way) for data in files]
    assert accuracy(np.stack(decoded)) >= accuracy(test_split[0]) - POINTS
