"""The record of a training cannot lie: edits while it runs, with the real `dvc repro`."""

import pytest

from tests.end_to_end.project import Project, sha256, wait_for

pytestmark = pytest.mark.soak

EPOCHS = 10


def edit_during_training(project: Project, command: tuple[str, ...] = ("dvc", "repro")) -> None:
    """Change the learning rate once the training is under way; the stage must then fail."""
    with project.start(*command) as process:
        wait_for(lambda: next(iter(project.root.glob(".train/*/training")), None))
        project.set_params({"train": {"learning_rate": 0.0001}})
        assert process.wait() != 0


def test_edit_during_training_is_not_recorded(project: Project) -> None:
    """The edit undone, the next repro takes the finished work; the edit kept, it trains anew."""
    project.set_params({"train": {"epochs": EPOCHS, "learning_rate": 0.02}})
    edit_during_training(project)
    assert "learning_rate: 0.0001" not in (project.root / "dvc.lock").read_text()
    assert not (project.root / "models/model.ckpt").exists()
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert run.data.tags["inputs.changed"] == "params.yaml train.learning_rate 0.02 → 0.0001"
    project.set_params({"train": {"learning_rate": 0.02}})
    said = project.run("convnet", "repro")
    assert "adopted the training that had finished with these inputs" in said
    assert "epoch 1/" not in said
    (run,) = project.runs()
    assert "inputs.changed" not in run.data.tags
    assert run.data.tags["pipeline.complete"] == "true"
    assert run.data.tags["checkpoint.sha256"] == sha256(project, "models/model.ckpt")
    card = project.json("models/model.card.json")
    assert card["hyperparameters"]["train.learning_rate"] == 0.02
    assert "champion" in project.run("convnet", "promote")
    assert not list(project.root.glob(".train/*.finished"))
    assert "Running stage" not in project.run("dvc", "repro")

    project.set_params({"train": {"learning_rate": 0.03}})
    edit_during_training(project)
    said = project.run("dvc", "repro", "train")
    assert f"epoch {EPOCHS}/{EPOCHS}" in said
    assert "learning_rate: 0.0001" in (project.root / "dvc.lock").read_text()
    anew, aside, _ = project.runs()
    assert aside.data.tags["inputs.changed"] == "params.yaml train.learning_rate 0.03 → 0.0001"
    assert anew.data.params["learning_rate"] == "0.0001"
