"""The exported file as an MLflow model: signature, input example, sidecars."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mlflow.onnx
import msgspec
import numpy as np
import onnx
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

from contract.files import sha256_of_file
from pipeline.config import Scalar
from pipeline.tracking import names
from pipeline.tracking.lookup import Place

SHA256 = "onnx.sha256"


def log(to: Place, path: Path, sidecars: Iterable[Path], *, classes: int) -> None:
    """Log the model, unless the run has one of these bytes."""
    sha256 = sha256_of_file(path)
    run = to.client.get_run(to.run_id)
    if logged(to.client, run, sha256):
        return
    model = onnx.load(path)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    with meant(to.uri, run.info.experiment_id):
        mlflow.onnx.log_model(
            model,
            name=sha256[:12],  # as cards, pages and the registry call it
            signature=signature(model, shape, classes),
            input_example={"images": np.zeros((1, *shape), np.uint8)},
            save_as_external_data=False,
            onnx_execution_providers=["CPUExecutionProvider"],
            extra_files=[str(file) for file in sidecars],
            pip_requirements=["onnxruntime", "numpy"],
            tags={SHA256: sha256},
            params=_hyperparameters(model),
            run_id=to.run_id,
        )


def signature(model: onnx.ModelProto, shape: Sequence[int], classes: int) -> ModelSignature:
    """Images (N, C, H, W) to probabilities, and familiarity where the file has it."""
    number = np.dtype(np.float32)
    shapes = {"probabilities": (-1, classes), "familiarity": (-1,)}
    return ModelSignature(
        Schema([TensorSpec(np.dtype(np.uint8), (-1, *shape), "images")]),
        Schema([TensorSpec(number, shapes[one.name], one.name) for one in model.graph.output]),
    )


def of(client: MlflowClient, run: Run) -> LoggedModel | None:
    """The model of the file that the run is tagged with."""
    return logged(client, run, run.data.tags.get(SHA256, ""))


def logged(client: MlflowClient, run: Run, sha256: str) -> LoggedModel | None:
    """The run's model of these bytes."""
    outputs = run.outputs.model_outputs if run.outputs else []
    models = [client.get_logged_model(one.model_id) for one in outputs]
    return next((one for one in models if one.tags.get(SHA256) == sha256), None)


def _hyperparameters(model: onnx.ModelProto) -> dict[str, str]:
    """As the file itself says them; files from before say none."""
    texts = {one.key: one.value for one in model.metadata_props}
    found = msgspec.json.decode(texts.get("hyperparameters", "{}"), type=dict[str, Scalar])
    return {key: str(value) for key, value in names.of_params(found).items()}


@contextmanager
def meant(uri: str, experiment_id: str | None = None) -> Iterator[None]:
    """Inside, MLflow's module-level functions mean this store, and this experiment if one is given.

    Outside they mean what they did before: MLflow keeps the address for the whole process and
    its children.
    """
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        if experiment_id is not None:
            mlflow.set_experiment(experiment_id=experiment_id)
        yield
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None: the default again
