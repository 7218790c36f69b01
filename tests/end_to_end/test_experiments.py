"""Experiments, seeds, remotes and a tracking server, with the real commands."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.end_to_end.project import Project, sha256
from tests.mlflow_server import serving

pytestmark = pytest.mark.soak


@pytest.mark.soak_all
def test_same_seed_gives_the_same_bytes_in_another_folder(
    finished_project: Project, tmp_path: Path
) -> None:
    """Checkpoint and ONNX are a function of parameters, data and code, not of the folder."""
    other = finished_project.copy(tmp_path / "elsewhere" / "named differently")
    other.run("dvc", "repro")
    for path in ("models/model.ckpt", "models/model.onnx", "models/model.activations.onnx"):
        assert sha256(other, path) == sha256(finished_project, path), path


@pytest.mark.soak_all
def test_experiments_land_in_the_one_store(finished_project: Project, tmp_path: Path) -> None:
    """In the workspace, in a temporary folder and from the queue: all tagged with their name."""
    project = finished_project.copy(tmp_path / "experiments")
    project.run("dvc", "repro")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "-m", "Results")
    project.run("dvc", "exp", "run", "-n", "here", "-S", "train.learning_rate=0.01")
    project.run("dvc", "exp", "run", "-n", "aside", "--temp", "-S", "train.learning_rate=0.03")
    project.run("dvc", "exp", "run", "--queue", "-S", "train.learning_rate=0.003")
    project.run("dvc", "exp", "run", "--run-all")
    runs = project.runs()
    tagged = [run for run in runs if "dvc.experiment" in run.data.tags]
    rates = {run.data.params["learning_rate"] for run in tagged}
    assert rates == {"0.01", "0.03", "0.003"}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all(run.data.tags["pipeline.complete"] == "true" for run in runs)
    assert {"here", "aside"} <= {run.data.tags["dvc.experiment"] for run in tagged}
    assert "train.learning_rate" in tagged[0].data.tags["git.params_diff"]
    shown = json.loads(project.run("dvc", "exp", "show", "--json"))
    assert len(shown[-1]["experiments"]) == 3


def test_pushed_results_are_pulled_without_training(
    finished_project: Project, tmp_path: Path
) -> None:
    """A colleague's clone restores data and model from the remote; evaluate opens its run."""
    project = finished_project.copy(tmp_path / "mine")
    project.run("dvc", "repro")
    project.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    project.commit("Results and remote")
    project.run("dvc", "push")
    clone = project.copy(tmp_path / "colleague")
    said = clone.run("dvc", "repro", "--pull")
    assert "pipeline.stages.train" not in said
    assert sha256(clone, "models/model.onnx") == sha256(project, "models/model.onnx")
    clone.run("dvc", "repro", "--force", "--single-item", "evaluate")
    (run,) = clone.runs()
    assert run.data.tags["restored"] == "true"
    assert run.data.tags["onnx.sha256"] == sha256(clone, "models/model.onnx")


def test_equal_bytes_again_leave_a_complete_run(finished_project: Project, tmp_path: Path) -> None:
    """A forced training to the same checkpoint: later stages are skipped, its run is complete."""
    project = finished_project.copy(tmp_path / "again")
    project.run("dvc", "repro")
    project.run("dvc", "repro", "--force", "--single-item", "train")
    assert "pipeline.stages.export" not in project.run("dvc", "repro")
    again, first = project.runs()
    assert again.data.tags["duplicate_of"] == first.info.run_id
    assert again.data.metrics.keys() >= first.data.metrics.keys()
    assert again.data.tags["pipeline.complete"] == "true"


def test_tracking_server_gets_the_run(finished_project: Project, tmp_path: Path) -> None:
    """With MLFLOW_TRACKING_URI the run, its files and its model are in the server alone."""
    project = finished_project.copy(tmp_path / "tracked")
    with serving(tmp_path / "server") as server:
        project.run("dvc", "repro", MLFLOW_TRACKING_URI=server.uri)
        client = MlflowClient(server.uri)
        (run,) = project.runs(client)
        assert run.data.tags["pipeline.complete"] == "true"
        assert client.list_artifacts(run.info.run_id, "plots")
    assert not (project.root / "mlflow.db").exists()
