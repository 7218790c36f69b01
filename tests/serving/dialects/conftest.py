"""A server whose model takes pictures by the rules of today, and is none of digits."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from contract.reading.rules import current
from tests.serving.live import Server, serving
from tests.serving.onnx_files import answers, build_model

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for 28 by 28 grey pictures that are no digits, by the rules of today."""
    rules = current(fit="squeeze", digit=False)
    path = tmp_path_factory.mktemp("doors") / "model.onnx"
    path.write_bytes(build_model(more={"reading": json.dumps(msgspec.to_builtins(rules))}))
    return path


@pytest.fixture(scope="module")
def door(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    inbox = tmp_path_factory.mktemp("inbox")
    with serving("--model", str(model), "--no-access-log", "--feedback", str(inbox)) as running:
        yield running


@pytest.fixture(scope="module")
def wanted(model: Path, images: Images) -> Probabilities:
    return answers(model.read_bytes(), images)
