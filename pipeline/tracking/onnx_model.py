"""The exported file as an MLflow model: signature, input example, sidecars."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow.onnx
import numpy as np
import onnx
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec


def log(path: Path, sidecars: Iterable[Path], *, classes: int, run_id: str) -> None:
    """Log to the store that MLflow's module-level functions mean."""
    model = onnx.load(path)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    mlflow.onnx.log_model(
        model,
        name="model",
        signature=ModelSignature(
            Schema([TensorSpec(np.dtype(np.uint8), (-1, *shape), "images")]),
            Schema([TensorSpec(np.dtype(np.float32), (-1, classes), "probabilities")]),
        ),
        input_example={"images": np.zeros((1, *shape), np.uint8)},
        save_as_external_data=False,
        onnx_execution_providers=["CPUExecutionProvider"],
        extra_files=[str(file) for file in sidecars],
        pip_requirements=["onnxruntime", "numpy"],
        run_id=run_id,
    )


@contextmanager
def meant(uri: str, experiment_id: str) -> Iterator[None]:
    """Inside, MLflow's module-level functions mean this store and this experiment."""
    before = os.environ.get("MLFLOW_TRACKING_URI", "")
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=experiment_id)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
