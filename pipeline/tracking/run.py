"""One run of the tracking store: what stages add to it, whatever its status.

Everything goes through the client: `start_run` would set a finished run RUNNING again. What the
store does not answer to waits in the run's outbox.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from contract import files
from pipeline.config import Scalar
from pipeline.data.arrays import Dataset
from pipeline.tracking import entries, names
from pipeline.tracking.lookup import COMPLETE, INPUTS_CHANGED
from pipeline.tracking.outbox import Outbox

ERROR = "error"  # tag of a run that FAILED


@dataclass(frozen=True)
class TrackedRun:
    """A run by its training."""

    outbox: Outbox
    is_new: bool = False  # made for this training, which may have begun in another run

    @property
    def client(self) -> MlflowClient:
        return self.outbox.client

    @property
    def training(self) -> str:
        """The tag `pipeline.run`; the run's own id in runs from before."""
        return self.outbox.training

    @property
    def id(self) -> str:
        return self.outbox.run_id()

    @property
    def record(self) -> Run:
        return self.client.get_run(self.id)

    @property
    def name(self) -> str:
        return str(self.record.info.run_name)

    @property
    def experiment(self) -> str:
        return str(self.client.get_experiment(self.record.info.experiment_id).name)

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.record.data.tags)

    def mark(self) -> dict[str, str | None]:
        """Id, name and experiment; None each where the store does not say."""
        if not self.outbox.away:
            try:
                return {"id": self.id, "name": self.name, "experiment": self.experiment}
            except MlflowException:
                pass
        return dict.fromkeys(("id", "name", "experiment"))

    def set_status(self, status: str) -> None:
        ended = None if status == "RUNNING" else now_ms()
        self.outbox.add(entries.Status(status, ended))

    def fail(self, error: BaseException) -> None:
        self.add_tags({ERROR: f"{type(error).__name__}: {error}"[:500]})
        self.set_status("FAILED")

    def go_on(self) -> None:
        """Be RUNNING again, without the error that had ended it."""
        self.set_status("RUNNING")
        self.outbox.add(entries.NoTag(ERROR))

    def add_children(self) -> None:
        """Put the runs below it that name it as PARENT."""
        self.outbox.add(entries.Children(self.training))

    def add_params(self, params: Mapping[str, Scalar]) -> None:
        """Keys are those of params.yaml; a value that changed becomes a tag: params never do."""
        named = names.of_params(params)
        self.outbox.add(entries.Params({key: str(value) for key, value in named.items()}))

    def add_tags(self, tags: Mapping[str, str]) -> None:
        self.outbox.add(entries.Tags(dict(tags)))

    def add_metrics(self, metrics: Mapping[str, float], *, step: int = 0) -> None:
        values = {key: float(value) for key, value in metrics.items()}
        self.outbox.add(entries.Metrics(values, step, now_ms()))

    def add_curves(self, row: Mapping[str, float], *, epoch: int) -> None:
        """What an epoch measured: train_loss, val_loss and so on."""
        self.add_metrics(names.of_curves(row), step=epoch)

    def add_results(self, results: Mapping[str, Mapping[str, float]]) -> None:
        """Metrics in groups; those of the groups on_validation and on_test are the model's, too."""
        self.add_metrics(names.of_results(results))

    def add_note(self, text: str) -> None:
        """Describe the run, and its model."""
        self.outbox.add(entries.Note(text))

    def add_files(self, paths: Iterable[Path], folder: str) -> None:
        """Folders are added with their content alone."""
        self.outbox.add(entries.Files(tuple(str(path.resolve()) for path in paths), folder))

    def add_data(self, dataset: Dataset) -> None:
        """Name the splits as the run's inputs; the digest of the first is `data.sha256`."""
        hashes, counts = dataset.sha256, dataset.counts
        for context, split, digest, count in (
            (names.TRAINING, "train", dataset.sha256_of_all, counts.train),
            (names.VALIDATION, "validation", hashes.val, counts.val),
            (names.TEST, "test", hashes.test, counts.test),
        ):
            self.outbox.add(
                entries.Data(
                    context=context,
                    name=f"{dataset.name} {split}",
                    digest=digest[:16],
                    source=files.canonical_json({"source": dataset.source, "files": dataset.files}),
                    schema=files.canonical_json({"image_shape": dataset.image_shape}),
                    profile=files.canonical_json({"images": count}),
                )
            )

    def add_onnx(self, path: Path, sidecars: Iterable[Path], classes: int) -> None:
        """Log the model with its signature, an input example and its sidecars."""
        paths = tuple(str(one.resolve()) for one in (path, *sidecars))
        self.outbox.add(entries.Onnx(paths, classes))

    def adopt_equal(self, checkpoint_sha256: str) -> None:
        """Take over the results of a complete run with the same checkpoint bytes."""
        self.outbox.add(entries.Equal(checkpoint_sha256))

    def complete(self, description: str) -> None:
        """Say that training, export and evaluation have all added to this run, and what came."""
        self.reinstate()
        self.add_note(description)
        self.add_tags({COMPLETE: "true"})

    def withdraw(self, changes: str) -> None:
        """Say that inputs changed meanwhile, so that nothing of it is recorded or promoted."""
        self.add_tags({INPUTS_CHANGED: changes, COMPLETE: "false"})

    def reinstate(self) -> None:
        """The inputs are again what this run was made with."""
        self.outbox.add(entries.NoTag(INPUTS_CHANGED))


def now_ms() -> int:
    return int(time.time() * 1000)
