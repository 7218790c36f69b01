"""What a store gets of one run, each with its own time; sending it twice changes nothing."""

from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT as CONTEXT
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE
from msgspec import Struct

from pipeline.tracking import equal_bytes, lookup, names, onnx_model, patience
from pipeline.tracking.lookup import PARENT, Place

EXPERIMENT_KIND = "mlflow.experimentKind"  # MLflow has no constant for it
TRAININGS = "custom_model_development"


def create_experiment(client: MlflowClient, name: str, location: str | None) -> str:
    """Make one that MLflow's pages lay out for trainings, not for language models."""
    kind = {EXPERIMENT_KIND: TRAININGS}
    return client.create_experiment(name, artifact_location=location, tags=kind)


class Create(Struct, frozen=True, tag=True):
    """The first of a run; the others are delivered to where it is."""

    experiment: str
    location: str | None  # of the experiment's artifacts, where it has to be made
    name: str
    tags: dict[str, str]
    time_ms: int

    def create(self, client: MlflowClient) -> str:
        """The run's id; raises MlflowException, also where the experiment was deleted."""
        if found := client.get_experiment_by_name(self.experiment):
            experiment = str(found.experiment_id)
        else:
            experiment = create_experiment(client, self.experiment, self.location)
        tags = {**self.tags, **self._parent(client)}
        made = client.create_run(experiment, start_time=self.time_ms, run_name=self.name, tags=tags)
        return str(made.info.run_id)

    def _parent(self, client: MlflowClient) -> dict[str, str]:
        """Nothing where it has none, or that still waits: `Children` then finds this run."""
        of = self.tags.get(PARENT)
        found = lookup.of_training(client, of) if of else None
        return {MLFLOW_PARENT_RUN_ID: found.info.run_id} if found else {}


class Children(Struct, frozen=True, tag=True):
    """Put those below this run that came before it, or that another machine has sent."""

    training: str

    def deliver(self, to: Place) -> None:
        for run in lookup.search(to.client, f"tags.`{PARENT}` = '{self.training}'", limit=1000):
            if run.data.tags.get(MLFLOW_PARENT_RUN_ID) != to.run_id:
                to.client.set_tag(run.info.run_id, MLFLOW_PARENT_RUN_ID, to.run_id)


class Params(Struct, frozen=True, tag=True):
    values: dict[str, str]

    def deliver(self, to: Place) -> None:
        """Log what is new; a value that changed becomes a tag, because params never change."""
        known = to.client.get_run(to.run_id).data.params
        new = [Param(key, value) for key, value in self.values.items() if key not in known]
        changed = {k: v for k, v in self.values.items() if k in known and known[k] != v}
        tags = [RunTag(f"changed.{key}", value) for key, value in changed.items()]
        to.client.log_batch(to.run_id, params=new, tags=tags)


class Tags(Struct, frozen=True, tag=True):
    values: dict[str, str]

    def deliver(self, to: Place) -> None:
        to.client.log_batch(to.run_id, tags=[RunTag(*pair) for pair in self.values.items()])


class NoTag(Struct, frozen=True, tag=True):
    key: str

    def deliver(self, to: Place) -> None:
        if self.key in to.client.get_run(to.run_id).data.tags:
            to.client.delete_tag(to.run_id, self.key)


class Metrics(Struct, frozen=True, tag=True):
    values: dict[str, float]
    step: int
    time_ms: int

    def deliver(self, to: Place) -> None:
        """Log each with the data that it was measured on, and with the model that it is of."""
        of_data = any(map(names.measured_on, self.values))
        run = to.client.get_run(to.run_id) if of_data else None
        inputs = run.inputs.dataset_inputs if run and run.inputs else []
        data = {tag.value: one.dataset for one in inputs for tag in one.tags if tag.key == CONTEXT}
        model = None
        if run and any(map(names.is_of_model, self.values)):
            model = onnx_model.of(to.client, run)
        batch = []
        for key, value in self.values.items():
            on = data.get(names.measured_on(key))
            batch.append(
                Metric(
                    key, value, self.time_ms, self.step, run_id=to.run_id,
                    model_id=model.model_id if model and names.is_of_model(key) else None,
                    dataset_name=on.name if on else None,
                    dataset_digest=on.digest if on else None,
                )
            )  # fmt: skip
        to.client.log_batch(to.run_id, metrics=batch)


class Note(Struct, frozen=True, tag=True):
    """The description of the run, and of its model, if it has one by now."""

    text: str

    def deliver(self, to: Place) -> None:
        to.client.set_tag(to.run_id, MLFLOW_RUN_NOTE, self.text)
        if model := onnx_model.of(to.client, to.client.get_run(to.run_id)):
            to.client.set_logged_model_tags(model.model_id, {MLFLOW_RUN_NOTE: self.text})


class Data(Struct, frozen=True, tag=True):
    """An input of the run, as MLflow's Dataset has it."""

    context: str  # training, validation or test
    name: str
    digest: str
    source: str
    schema: str
    profile: str

    def deliver(self, to: Place) -> None:
        dataset = Dataset(
            name=self.name,
            digest=self.digest,
            source_type="dvc",
            source=self.source,
            schema=self.schema,
            profile=self.profile,
        )
        context = InputTag(CONTEXT, self.context)
        to.client.log_inputs(to.run_id, [DatasetInput(dataset, [context])])


class Files(Struct, frozen=True, tag=True):
    paths: tuple[str, ...]
    folder: str

    def deliver(self, to: Place) -> None:
        with patience.for_uploads():
            for path in map(Path, self.paths):
                add = to.client.log_artifacts if path.is_dir() else to.client.log_artifact
                add(to.run_id, str(path), self.folder)


class Onnx(Struct, frozen=True, tag=True):
    paths: tuple[str, ...]  # the model, then its sidecars
    classes: int

    def deliver(self, to: Place) -> None:
        model, *sidecars = map(Path, self.paths)
        with patience.for_uploads():
            onnx_model.log(to, model, sidecars, classes=self.classes)


class Equal(Struct, frozen=True, tag=True):
    """Take over the results of a complete run with the same checkpoint bytes."""

    checkpoint_sha256: str

    def deliver(self, to: Place) -> None:
        equal_bytes.adopt(to.client, to.run_id, self.checkpoint_sha256)


class Status(Struct, frozen=True, tag=True):
    status: str
    time_ms: int | None  # when it ended; None where it goes on

    def deliver(self, to: Place) -> None:
        if self.time_ms is None:
            to.client.update_run(to.run_id, status=self.status)
        else:
            to.client.set_terminated(to.run_id, self.status, self.time_ms)


Entry = (
    Create
    | Children
    | Params
    | Tags
    | NoTag
    | Metrics
    | Note
    | Data
    | Files
    | Onnx
    | Equal
    | Status
)
