"""A store whose checkout was renamed or copied writes into its own folder, and still shows all."""

import shutil
from pathlib import Path

import pytest

from pipeline.lifecycle import promotion
from pipeline.lifecycle.registry import CHAMPION, Registry
from pipeline.tracking import store as tracking
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.soak


@pytest.fixture
def promoted(store: tracking.Store) -> tracking.Store:
    """A store with a complete run that has artifacts, and a champion."""
    workspace = Workspace(store.root, store)
    run = workspace.run(workspace.make(range(20)))
    run.add_files([store.root / "params.yaml"], "inputs")
    promotion.main([])
    return store


@pytest.mark.parametrize("take", [shutil.move, shutil.copytree])
def test_artifacts_are_found_in_the_new_folder(
    promoted: tracking.Store, tmp_path: Path, take: object, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Runs, logged models and registry lead there; a line says so, once; a copy is its own."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "renamed checkout"
    assert callable(take)
    take(promoted.root, root)
    found = tracking.open_store(root)
    assert f"this store was in {promoted.root}; " in capsys.readouterr().err
    tracking.open_store(root)
    assert capsys.readouterr().err == ""
    (run,) = found.client.search_runs(["1"], "tags.`onnx.sha256` != ''", max_results=1)
    assert found.client.list_artifacts(run.info.run_id, "inputs")
    assert str(run.info.artifact_uri).startswith(root.as_uri())
    new = found.create("mnist-classifier", "a new run", {}, root / "params.yaml")
    new.add_files([root / "dvc.lock"], "inputs")
    champion = Registry(found.client, found.uri).with_alias("mnist-classifier", CHAMPION)
    assert champion is not None
    written = Registry(found.client, found.uri).fetch(champion, "model.onnx", tmp_path)
    assert written.read_bytes() == (root / "models/model.onnx").read_bytes()
    assert not list(promoted.root.glob("mlartifacts/**/dvc.lock"))
    assert list(root.glob("mlartifacts/**/dvc.lock"))


def test_database_without_its_artifacts_keeps_what_it_knows(
    promoted: tracking.Store, tmp_path: Path
) -> None:
    """Where only the database was copied, earlier files stay where they are; new ones are here."""
    root = tmp_path / "other"
    root.mkdir()
    shutil.copy(promoted.root / "mlflow.db", root)
    found = tracking.open_store(root)
    run = found.client.search_runs(["1"])[0]
    assert found.client.list_artifacts(run.info.run_id, "inputs")
    experiment = found.client.get_experiment(run.info.experiment_id)
    assert experiment.artifact_location == (root / "mlartifacts/mnist-classifier").as_uri()
