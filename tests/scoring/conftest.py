"""Models for the tests of the scoring package."""

from pathlib import Path

import pytest

from tests.serving.onnx_files import build_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A one-matrix model for 28 by 28 digits."""
    path = tmp_path_factory.mktemp("scoring") / "model.onnx"
    path.write_bytes(build_model())
    return path


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with other weights."""
    path = tmp_path_factory.mktemp("scoring") / "other.onnx"
    path.write_bytes(build_model(seed=1))
    return path
