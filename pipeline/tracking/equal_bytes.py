"""A training that ended in bytes which a complete run has already: the results are that run's.

DVC skips export and evaluate after a training that gave the bytes it already had.
"""

import tempfile

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from pipeline.tracking import lookup
from pipeline.tracking.lookup import COMPLETE
from pipeline.tracking.onnx_model import SHA256

COPIED = (SHA256, MLFLOW_RUN_NOTE)


def adopt(client: MlflowClient, run_id: str, checkpoint_sha256: str) -> None:
    """Copy the results of a complete run with the same checkpoint bytes, if there is one."""
    equal = lookup.newest(client, {"checkpoint.sha256": checkpoint_sha256, COMPLETE: "true"})
    if equal is None or equal.info.run_id == run_id:
        return
    before = client.get_run(run_id).data
    metrics = [
        Metric(
            one.key,
            one.value,
            one.timestamp,
            one.step,
            dataset_name=one.dataset_name,
            dataset_digest=one.dataset_digest,
        )
        for one in equal.data._metric_objs  # noqa: SLF001 - the only place with their times
        if one.key not in before.metrics and not one.key.startswith("system/")
    ]
    params = [Param(k, v) for k, v in equal.data.params.items() if k not in before.params]
    client.log_batch(run_id, metrics=metrics, params=params)
    with tempfile.TemporaryDirectory() as folder:
        for item in client.list_artifacts(equal.info.run_id):
            client.download_artifacts(equal.info.run_id, item.path, folder)
        client.log_artifacts(run_id, folder)
    if equal.outputs and equal.outputs.model_outputs:
        client.log_outputs(run_id, equal.outputs.model_outputs)
    known = {key: equal.data.tags[key] for key in COPIED if key in equal.data.tags}
    tags = {**known, "duplicate_of": equal.info.run_id, COMPLETE: "true"}
    client.log_batch(run_id, tags=[RunTag(*pair) for pair in tags.items()])
