"""The tracking store: one MLflow run per training, found again by what it made.

Export and evaluate add to the run through the client: `start_run` would set it RUNNING again.
"""

import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Dataset as DatasetEntity
from mlflow.entities import DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.telemetry import set_telemetry_client
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from mlflow.utils.time import get_current_time_millis

from pipeline import files
from pipeline.data.arrays import Dataset
from pipeline.errors import PipelineError
from pipeline.tracking import onnx_model, provenance

Scalar = str | int | float | bool | None

COMPLETE = "pipeline.complete"


class TrackingError(PipelineError, RuntimeError):
    """The tracking store cannot be used."""


@dataclass(frozen=True)
class Store:
    """An MLflow tracking store: a database file of this checkout, or a server."""

    client: MlflowClient
    uri: str
    root: Path

    def experiment_id(self, name: str) -> str:
        """The experiment of this name, made on first use; two makers at once share one."""
        with _lock(self.root):
            if found := self.client.get_experiment_by_name(name):
                return str(found.experiment_id)
            local = (self.root / "mlartifacts" / name).as_uri() if self.is_local else None
            return self.client.create_experiment(name, artifact_location=local)

    @property
    def is_local(self) -> bool:
        return self.uri.startswith("sqlite:")

    def find(self, tags: Mapping[str, str]) -> "TrackedRun | None":
        """The newest finished run that carries all of `tags`."""
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in sorted(tags.items()))
        runs = self._search(f"{wanted} and attributes.status = 'FINISHED'", limit=1)
        return TrackedRun(self, runs[0].info.run_id) if runs else None

    def find_or_restore(
        self, tags: Mapping[str, str], *, dataset: str, params_file: Path
    ) -> "TrackedRun":
        """The newest run with `tags`, or a new one tagged `restored`.

        The model came out of the DVC cache of somebody whose tracking store is not this one.
        """
        if found := self.find(tags):
            return found
        restored = {**tags, "restored": "true"}
        run = self.create(experiment_of(dataset), "restored from the cache", restored, params_file)
        self.client.set_terminated(run.id, "FINISHED")
        return run

    def create(
        self, experiment: str, name: str, tags: Mapping[str, str], params_file: Path
    ) -> "TrackedRun":
        sources = provenance.source_tags(params_file)
        made = self.client.create_run(
            self.experiment_id(experiment), run_name=name, tags={**sources, **tags}
        )
        return TrackedRun(self, made.info.run_id)

    def reopen(self, run_id: str) -> "TrackedRun | None":
        """The run of an interrupted training, RUNNING again; None where it was deleted."""
        try:
            info = self.client.get_run(run_id).info
        except MlflowException:
            return None
        if info.lifecycle_stage != "active" or info.status == "FINISHED":
            return None
        self.client.update_run(run_id, status="RUNNING")
        return TrackedRun(self, run_id)

    def settle_dead_runs(self) -> list[str]:
        """Set runs KILLED whose process on this host is gone; returns their ids."""
        dead = [
            run.info.run_id
            for run in self._search("attributes.status = 'RUNNING'", limit=1000)
            if "pid" in run.data.tags and not provenance.is_alive(run.data.tags)
        ]
        for run_id in dead:
            self.client.set_terminated(run_id, "KILLED")
        return dead

    def _search(self, wanted: str, *, limit: int) -> list[Run]:
        experiments = [e.experiment_id for e in self.client.search_experiments()]
        newest = ["attributes.start_time DESC"]
        return list(self.client.search_runs(experiments, wanted, 1, limit, newest))


@dataclass(frozen=True)
class TrackedRun:
    """A run by its id; everything is added through the client, whatever its status."""

    store: Store
    id: str

    @property
    def _client(self) -> MlflowClient:
        return self.store.client

    @property
    def record(self) -> Run:
        return self._client.get_run(self.id)

    @property
    def name(self) -> str:
        return str(self.record.info.run_name)

    @property
    def experiment(self) -> str:
        return str(self._client.get_experiment(self.record.info.experiment_id).name)

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.record.data.tags)

    def add_params(self, params: Mapping[str, Scalar]) -> None:
        """Log what is new; a value that changed becomes a tag, because params never change."""
        known = self.record.data.params
        new = [Param(key, str(value)) for key, value in params.items() if key not in known]
        self._client.log_batch(self.id, params=new)
        changed = {k: v for k, v in params.items() if k in known and known[k] != str(v)}
        self.add_tags({f"changed.{key}": str(value) for key, value in changed.items()})

    def add_tags(self, tags: Mapping[str, str]) -> None:
        self._client.log_batch(self.id, tags=[RunTag(key, value) for key, value in tags.items()])

    def add_metrics(self, metrics: Mapping[str, float], *, step: int = 0) -> None:
        now = get_current_time_millis()
        batch = [Metric(key, float(value), now, step) for key, value in metrics.items()]
        self._client.log_batch(self.id, metrics=batch)

    def add_results(self, results: Mapping[str, float | Mapping[str, float]]) -> None:
        """Metrics in groups, each under `group.name`."""
        flat: dict[str, float] = {}
        for name, value in results.items():
            group = value.items() if isinstance(value, Mapping) else (("", value),)
            flat |= {f"{name}.{key}".rstrip("."): number for key, number in group}
        self.add_metrics(flat)

    def add_files(self, paths: Iterable[Path], folder: str) -> None:
        """Folders are added with their content alone."""
        for path in paths:
            add = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
            add(self.id, str(path), folder)

    def add_dataset(self, dataset: Dataset) -> None:
        """Name the data as the run's training input; its digest is `data.sha256`."""
        entity = DatasetEntity(
            name=dataset.name,
            digest=dataset.sha256_of_all[:16],
            source_type="dvc",
            source=files.canonical_json({"source": dataset.source, "files": dataset.files}),
            schema=files.canonical_json({"image_shape": dataset.image_shape}),
            profile=files.canonical_json({"counts": msgspec.to_builtins(dataset.counts)}),
        )
        context = InputTag("mlflow.data.context", "training")
        self._client.log_inputs(self.id, [DatasetInput(entity, [context])])

    def add_onnx(self, path: Path, sidecars: Iterable[Path], classes: int) -> None:
        """Log the model with its signature, an input example and its sidecars."""
        experiment = self.record.info.experiment_id
        with onnx_model.meant(self.store.uri, experiment):
            onnx_model.log(path, sidecars, classes=classes, run_id=self.id)

    def complete(self, description: str) -> None:
        """Say that training, export and evaluation have all added to this run, and what came."""
        self.add_tags({COMPLETE: "true", MLFLOW_RUN_NOTE: description})

    def adopt(self, checkpoint_sha256: str) -> None:
        """Copy the results of a complete run with the same checkpoint bytes, if there is one.

        DVC skips export and evaluate after a training that gave the bytes it already had.
        """
        twin = self.store.find({"checkpoint.sha256": checkpoint_sha256, COMPLETE: "true"})
        if twin is None or twin.id == self.id:
            return
        before = self.record
        metrics = twin.record.data.metrics
        results = {k: v for k, v in metrics.items() if k not in before.data.metrics}
        self.add_metrics({k: v for k, v in results.items() if not k.startswith("system/")})
        params = twin.record.data.params
        self.add_params({k: v for k, v in params.items() if k not in before.data.params})
        with tempfile.TemporaryDirectory() as folder:
            for item in self._client.list_artifacts(twin.id):
                self._client.download_artifacts(twin.id, item.path, folder)
            self._client.log_artifacts(self.id, folder)
        outputs = twin.record.outputs
        if outputs and outputs.model_outputs:
            self._client.log_outputs(self.id, outputs.model_outputs)
        onnx = {"onnx.sha256": twin.tags["onnx.sha256"]}
        self.add_tags({**onnx, "duplicate_of": twin.id, COMPLETE: "true"})


def experiment_of(dataset: str) -> str:
    """Models of one data set are compared with each other and never with another's."""
    return f"{dataset}-classifier"


def open_store(root: Path) -> Store:
    """Open `MLFLOW_TRACKING_URI`, or else `mlflow.db` at `root`.

    Two first uses at once do not meet: the database is made under a lock.
    Raises TrackingError where the store does not answer.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    set_telemetry_client()  # reads the variable again: importing mlflow has set one up
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve()}/mlflow.db"
    try:
        with _lock(root):
            client = MlflowClient(uri)  # makes the database, or brings it to this version
            client.search_experiments(max_results=1)
    except MlflowException as error:
        raise TrackingError(
            f"the tracking store {uri!r} does not answer: {error}. Start it, or unset "
            "MLFLOW_TRACKING_URI to track in mlflow.db at the repository root"
        ) from error
    return Store(client, uri, root.resolve())


def _lock(root: Path) -> FileLock:
    return FileLock(root / ".mlflow.db.lock")
