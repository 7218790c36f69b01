"""dvc.lock holds what was asked for, a model's file what was trained with: both are compared."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from contract.metadata import DatasetMark, Metadata, read
from pipeline.lifecycle import lock
from pipeline.lifecycle.errors import RefusedError
from tests.pipeline.workspace import metadata

LOCKED = """schema: '2.0'
stages:
  train:
    cmd: …
    params:
      params.yaml:
        train: {optimizer: auto, learning_rate: auto, epochs: 3}
"""
MARK = DatasetMark(
    name="mnist", requested="mnist", source="published", sha256="0" * 64, test_sha256="1" * 64
)


def trained(asked: Mapping[str, str | int | float | bool | None]) -> Metadata:
    done = {"train.optimizer": "muon", "train.learning_rate": 0.02, "train.epochs": 3}
    return replace(read(metadata("a-model", MARK)), hyperparameters=done, asked=dict(asked))


def test_asked_is_compared_with_asked(tmp_path: Path) -> None:
    """What auto came to is no difference; auto where a number is locked, or the other way, is."""
    (tmp_path / "dvc.lock").write_text(LOCKED)
    known = lock.read(tmp_path)
    known.check_hyperparameters(trained({"train.optimizer": "auto", "train.learning_rate": "auto"}))
    with pytest.raises(
        RefusedError, match=r"train\.learning_rate 0\.02, and dvc\.lock says 'auto'"
    ):
        known.check_hyperparameters(trained({"train.optimizer": "auto"}))
    given: dict[str, str | int | float | bool | None] = dict.fromkeys(
        ("train.optimizer", "train.learning_rate", "train.epochs"), "auto"
    )
    with pytest.raises(RefusedError, match=r"train\.epochs 'auto', and dvc\.lock says 3"):
        known.check_hyperparameters(trained(given))
