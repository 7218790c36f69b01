"""Models, images and one running server, shared by the tests of the serving package."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.serving.live import Server, serving
from tests.serving.onnx_files import answers, build_model

LIMITS = {
    "familiarity": {"method": "mean", "kept": 0.95, "threshold": 0.4, "images": 100},
    "conformal": {"coverage": 0.9, "least": 0.2, "images": 100},
    "temperature": 1.0,
}
REFERENCE: dict[str, Any] = {"intensity": {"edges": [0.0, 255.0], "fractions": [1.0]}}
ANSWERS = {
    "classes": [0.1] * 10,
    "confidence": {"edges": [0.0, 1.0], "fractions": [1.0]},
    "unknown": {"edges": [0.0, 0.4, 1.0], "fractions": [0.05, 0.95]},
}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a one-matrix model for 28 by 28 digits."""
    path = tmp_path_factory.mktemp("tiny") / "model.onnx"
    path.write_bytes(build_model())
    return path


@pytest.fixture(scope="session")
def judge_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a model that knows bright images: of a mean of 0.4 and more."""
    path = tmp_path_factory.mktemp("judge") / "model.onnx"
    path.write_bytes(build_model(limits=LIMITS, answers=ANSWERS, reference=REFERENCE))
    return path


@pytest.fixture(scope="session")
def lenet_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a LeNet-5-shaped model with random weights."""
    path = tmp_path_factory.mktemp("lenet") / "model.onnx"
    path.write_bytes(build_model(net="lenet"))
    return path


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a model that takes some 25 ms an image in one thread."""
    path = tmp_path_factory.mktemp("slow") / "model.onnx"
    path.write_bytes(build_model(net="slow"))
    return path


@pytest.fixture(scope="session")
def server(tiny_model: Path) -> Iterator[Server]:
    """One server with the tiny model, shared by tests that leave it as it was."""
    with serving("--model", str(tiny_model), "--no-access-log") as running:
        yield running


@pytest.fixture(scope="session")
def images() -> NDArray[np.uint8]:
    """64 random images, (N, C, H, W)."""
    return np.random.default_rng(7).integers(0, 256, (64, 1, 28, 28)).astype(np.uint8)


@pytest.fixture(scope="session")
def expected(tiny_model: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give what the tiny model says of `images`."""
    return answers(tiny_model.read_bytes(), images)


@pytest.fixture
def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
