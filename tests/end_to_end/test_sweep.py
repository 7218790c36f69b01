"""A sweep goes on without its tracking server, and trains a trial in several processes."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.end_to_end.project import Project, wait_for
from tests.mlflow_server import serving

pytestmark = pytest.mark.soak

SPACE = "train.learning_rate: [0.02, 1.0e+30]\n"


def prepared(project: Project, train: dict[str, object]) -> Project:
    project.set_params({"train": train})
    (project.root / "sweep.yaml").write_text(SPACE)
    project.run("dvc", "repro", "prepare")
    return project


def trials(runs: list[Run]) -> list[Run]:
    return [run for run in runs if "sweep.trial" in run.data.tags]


def test_a_sweep_outlives_its_tracking_server(project: Project, tmp_path: Path) -> None:
    """Killed after its first word; doctor sends the trials later, below the sweep's own run."""
    prepared(project, {"epochs": 3})
    (project.root / "sweep.yaml").write_text("train.learning_rate: [0.01, 0.02, 0.03]\n")
    with serving(tmp_path / "server") as server:
        uri = server.uri
        client = MlflowClient(server.uri)
        with project.start("convnet", "sweep", "--trials", "2", MLFLOW_TRACKING_URI=uri) as sweep:
            wait_for(lambda: trials(project.runs(client)))
            server.kill()
            assert sweep.wait() == 0
        said = project.run("convnet", "sweep", "--trials", "3", MLFLOW_TRACKING_URI=uri)
        assert "best: trial" in said
        assert "Traceback" not in said
        assert list((project.root / ".unsent").glob("*.json"))
        server.start()
        assert ": sent" in project.run("convnet", "doctor", check=False, MLFLOW_TRACKING_URI=uri)
        assert not list((project.root / ".unsent").glob("*.json"))
        runs = project.runs(client)
        (parent,) = (run for run in runs if "sweep" in run.data.tags)
        made = trials(runs)
        assert len(runs) == 1 + len(made) == 4
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert {run.data.tags["mlflow.parentRunId"] for run in made} == {parent.info.run_id}
        best = max(run.data.metrics.get("accuracy_validation", 0.0) for run in made)
        assert parent.data.metrics["accuracy_validation"] == best


@pytest.mark.soak_all
def test_a_trial_takes_two_processes(project: Project) -> None:
    """Both train, and stop together where one trial's loss is no number: that one is pruned."""
    train = {"epochs": 3, "devices": 2, "strategy": "ddp", "optimizer": "sgd", "averaging": 0.0}
    said = prepared(project, train).run("convnet", "sweep", "--trials", "2")
    assert "1 complete, 1 pruned" in said
    made = {run.data.tags["sweep.pruned"]: run for run in trials(project.runs())}
    assert {run.info.status for run in made.values()} == {"FINISHED"}
    whole = project.store.get_metric_history(made["false"].info.run_id, "curves/val_accuracy")
    assert [one.step for one in whole] == [1, 2, 3]
    assert made["false"].data.metrics["accuracy_validation"] == whole[-1].value
    assert made["true"].data.params["learning_rate"] == "1e+30"
