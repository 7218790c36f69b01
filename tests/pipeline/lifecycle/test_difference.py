"""A repro that changes tracked results says why."""

import json
from pathlib import Path

import pytest

from pipeline.lifecycle import difference
from tests.pipeline.conftest import git

RECORDED = {"made_with": "torch 2.15.0, device cpu AVX512", "val_loss": 0.1}


@pytest.fixture
def results(repository: Path) -> Path:
    """Committed results; code as well."""
    (repository / "pipeline").mkdir()
    (repository / "pipeline/net.py").write_text("")
    (repository / "metrics").mkdir()
    (repository / "metrics/train.json").write_text(json.dumps(RECORDED))
    (repository / "dvc.lock").write_text("stages: {}\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "Results")
    return repository


def train(results: Path, **measured: object) -> None:
    """As a repro leaves it."""
    (results / "metrics/train.json").write_text(json.dumps({**RECORDED, **measured}))
    (results / "dvc.lock").write_text("stages: {train: {}}\n")


def said(before: dict[str, str] | None = None) -> str:
    return difference.line(before or {}) or ""


def test_another_processor_is_named(results: Path) -> None:
    """Before whatever else differs: it alone gives other weights."""
    train(results, made_with="torch 2.15.0, device cpu AVX2")
    assert said().startswith("note: dvc.lock and 1 more tracked files differ from the commit: they")
    assert (
        "with torch 2.15.0, device cpu AVX512; here it is torch 2.15.0, device cpu AVX2" in said()
    )
    assert "dvc checkout` goes back" in said()


def test_parameters_then_code_are_named(results: Path) -> None:
    """What the user edited explains the rest."""
    (results / "pipeline/net.py").write_text("# edited\n")
    train(results, val_loss=0.2)
    assert "so does the code" in said()
    params = results / "params.yaml"
    params.write_text(params.read_text().replace("  stride: 1", "  stride: 2"))
    assert "so does params.yaml (model.stride: 1 -> 2)" in said()


def test_equal_weights_are_said_to_be_equal(results: Path) -> None:
    """The model card names run and commit, so that its hash in dvc.lock differs."""
    train(results)
    assert "dvc.lock differs from the commit: the weights are the same" in said()


def test_nothing_is_said_where_the_repro_changed_nothing(results: Path) -> None:
    """Neither of a clean checkout, nor again of what an earlier repro changed, nor of scratch."""
    (results / "metrics/notes.txt").write_text("")
    assert said() == ""
    train(results, val_loss=0.2)
    assert said(difference.differing()) == ""
    assert said() != ""
