"""dvc.lock holds what was asked for, a model's file what was trained with: both are compared."""

import subprocess
import sys
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


def test_the_hash_of_a_folder_is_dvcs(tmp_path: Path) -> None:
    """Of nested and empty ones, too: what `dvc add` writes down."""
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.txt").write_text("b")
    (folder / "deep/ä.txt").write_text("a")
    (tmp_path / "empty").mkdir()
    for arguments in (("init", "--no-scm", "--quiet"), ("add", "--quiet", "folder", "empty")):
        subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=tmp_path, check=True)
    for name in ("folder", "empty"):
        assert f"md5: {lock.md5_of(tmp_path / name)}\n" in (tmp_path / f"{name}.dvc").read_text()
