"""Runs of a store, found by what they are tagged with."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

COMPLETE = "pipeline.complete"
TRAINING = "pipeline.run"  # of one training, whatever store holds it and whatever its bytes equal
PARENT = "pipeline.parent"  # of a trial: the training id of its sweep's run
INPUTS_CHANGED = "inputs.changed"  # what was edited meanwhile: dvc.lock does not know this work


@dataclass(frozen=True)
class Place:
    """The place of a run in a store, for what is sent."""

    client: MlflowClient
    uri: str
    run_id: str


def newest(client: MlflowClient, tags: Mapping[str, str]) -> Run | None:
    """The newest finished run that carries all of `tags`."""
    wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in sorted(tags.items()))
    runs = search(client, f"{wanted} and attributes.status = 'FINISHED'", limit=1)
    return runs[0] if runs else None


def of_training(client: MlflowClient, training: str) -> Run | None:
    """Whatever its status; runs from before such tags are known by their own id."""
    runs = search(client, f"tags.`{TRAINING}` = '{training}'", limit=1)
    if runs:
        return runs[0]
    try:
        run = client.get_run(training)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return run if run.info.lifecycle_stage == "active" else None


def training_of(run: Run) -> str:
    return str(run.data.tags.get(TRAINING, run.info.run_id))


def search(client: MlflowClient, wanted: str, *, limit: int) -> list[Run]:
    """Newest first, of all experiments."""
    experiments = [one.experiment_id for one in client.search_experiments()]
    order = ["attributes.start_time DESC"]
    return list(client.search_runs(experiments, wanted, 1, limit, order)) if experiments else []
