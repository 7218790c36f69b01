"""models:/NAME@ALIAS as the server resolves it, and a summary as MLflow's evaluation run."""

import hashlib
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.scoring.jobs import ROOT, pictures, score, scored
from tests.serving.onnx_files import version

pytestmark = pytest.mark.soak

NAME = "digits-classifier"
CHAMPION = f"models:/{NAME}@champion"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> MlflowClient:
    """A store in sqlite."""
    return MlflowClient(f"sqlite:///{tmp_path_factory.mktemp('registry')}/mlflow.db")


def test_the_champion_scores_and_its_run_is_logged(
    client: MlflowClient, model: Path, tmp_path: Path
) -> None:
    """With accuracy and shares as metrics, whose model it was, and the summary as a file."""
    content = model.read_bytes()
    folder = tmp_path / "registered"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(content)
    client.create_registered_model(NAME)
    tags = {"onnx.sha256": hashlib.sha256(content).hexdigest()}
    made = client.create_model_version(NAME, folder.as_uri(), tags=tags)
    client.set_registered_model_alias(NAME, "champion", made.version)
    source = pictures(tmp_path / "in", 50)
    (source / "0" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    options = ("--model", CHAMPION, "--labels", "folder", "--mlflow")
    uri = client.tracking_uri
    done = scored(source, tmp_path / "out", *options, MLFLOW_TRACKING_URI=uri, PWD=str(tmp_path))
    assert done.summary["model"]["version"] == version(content)
    assert "logged as run " in done.err
    experiment = client.get_experiment_by_name(f"{NAME}-scoring")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["accuracy"] == done.summary["labels"]["accuracy"]
    assert run.data.metrics["labelled"] == 50
    assert run.data.metrics["error_share"] == pytest.approx(1 / 51)
    assert run.data.tags["scored.onnx.sha256"] == tags["onnx.sha256"]
    assert "onnx.sha256" not in run.data.tags  # a training is found by it
    assert not (ROOT / "mlruns").exists()
    assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["scoring.json"]


def test_a_registry_without_that_model_is_said_in_a_line(
    client: MlflowClient, tmp_path: Path
) -> None:
    """What it said is passed on."""
    done = score(
        pictures(tmp_path / "in", 1), tmp_path / "out", "--model", "models:/none@champion",
        MLFLOW_TRACKING_URI=client.tracking_uri,
    )  # fmt: skip
    assert done.status == 1
    assert "error: the model registry refuses: models:/none@champion cannot be found" in done.err


def test_a_store_that_refuses_leaves_the_scores(model: Path, tmp_path: Path) -> None:
    """The run is missing, the parts are not; the exit status says so."""
    options = ("--model", str(model), "--mlflow")
    output = tmp_path / "out"
    done = score(
        pictures(tmp_path / "in", 5), output, *options, MLFLOW_TRACKING_URI="http://127.0.0.1:9"
    )
    assert done.status == 1
    assert "error: MLflow at http://127.0.0.1:9 refuses" in done.err
    assert done.table.num_rows == 5
