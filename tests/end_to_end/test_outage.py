"""The tracking server dies in the middle of `dvc repro` and comes back: nothing is lost by it."""

import random
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.tracking import onnx_model
from tests.end_to_end.project import Project, wait_for
from tests.mlflow_server import Server, serving

pytestmark = pytest.mark.soak

EPOCHS = 20


def content(server: Server, project: Project) -> dict[str, object]:
    """All that the one run of this server says, but for what is of the moment."""
    client = MlflowClient(server.uri)
    (run,) = project.runs(client)
    metrics = [key for key in run.data.metrics if not key.startswith("system/")]
    of_this_run = ("pipeline.run", "pid", "pid.started", "mlflow.log-model.history", "dvc.")
    with onnx_model.meant(server.uri):  # the folder of the model asks the process' own store
        artifacts = [
            one.path
            for folder in (None, "plots", "reports", "model")
            for one in client.list_artifacts(run.info.run_id, folder)
        ]
    return {
        "status": run.info.status,
        "params": run.data.params,
        "tags": {k: v for k, v in run.data.tags.items() if not k.startswith(of_this_run)},
        "metrics": {
            key: [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, key)]
            for key in metrics
        },
        "artifacts": artifacts,
        "models": len(run.outputs.model_outputs) if run.outputs else 0,
        "data": [one.dataset.digest for one in run.inputs.dataset_inputs] if run.inputs else [],
    }


def epochs_told(server: Server, project: Project) -> int:
    runs = project.runs(MlflowClient(server.uri))
    return sum(
        len(MlflowClient(server.uri).get_metric_history(run.info.run_id, "curves/val_loss"))
        for run in runs
    )


def test_run_equals_an_undisturbed_one(project: Project, tmp_path: Path) -> None:
    """Killed at a random epoch, away for export and evaluation; doctor sends the rest, once."""
    project.set_params({"train": {"epochs": EPOCHS}})
    project.commit("More epochs")
    with serving(tmp_path / "undisturbed") as server:
        project.run("dvc", "repro", MLFLOW_TRACKING_URI=server.uri)
        undisturbed = content(server, project)
    last = random.SystemRandom().randint(1, EPOCHS // 2)
    with serving(tmp_path / "disturbed") as server:
        with project.start("dvc", "repro", "--force", MLFLOW_TRACKING_URI=server.uri) as process:
            wait_for(lambda: epochs_told(server, project) >= last or None)
            server.kill()
            assert process.wait() == 0, f"killed after epoch {last}"
        assert list((project.root / ".unsent").glob("*.json"))
        server.start()
        assert "1 waited to be sent to the store: sent" in project.run(
            "convnet", "doctor", check=False, MLFLOW_TRACKING_URI=server.uri
        )
        assert not list((project.root / ".unsent").glob("*.json"))
        assert content(server, project) == undisturbed, f"killed after epoch {last}"
        project.run("convnet", "promote", MLFLOW_TRACKING_URI=server.uri)
