"""The tracking store: one MLflow run per training, found again by what it made."""

import logging
import os
import sqlite3
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.telemetry import set_telemetry_client
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import PipelineError
from pipeline.tracking import locations, lookup, patience, provenance, trainings
from pipeline.tracking.entries import EXPERIMENT_KIND, TRAININGS, Create, create_experiment
from pipeline.tracking.lookup import COMPLETE, TRAINING
from pipeline.tracking.outbox import FOLDER, SILENCE, Outbox, silence, waiting
from pipeline.tracking.run import TrackedRun, now_ms

T = TypeVar("T")
FAULTS = (  # what the library's text holds, and what to do
    ("database is locked", "another program holds it: end that one, or wait for it"),
    ("readonly database", "it may not be written: see whose the file and its folder are"),
    ("database or disk is full", "make room on the disk"),
    (
        "out-of-date database schema",
        "another version of MLflow made it: back it up, then run `mlflow db upgrade {uri}`",
    ),
)


class TrackingError(PipelineError, RuntimeError):
    """The tracking store cannot be used."""


@dataclass(frozen=True)
class Store:
    """An MLflow tracking store: a database file of this checkout, or a server."""

    client: MlflowClient
    uri: str
    root: Path
    away: bool = False  # a server that did not answer: entries wait

    def experiment_id(self, name: str) -> str:
        """The experiment of this name, made on first use; two makers at once share one."""
        with _lock(self.root):
            if found := self.client.get_experiment_by_name(name):
                if found.lifecycle_stage != "active":
                    raise TrackingError(
                        f"the experiment {name!r} of {self.uri} was deleted: `convnet doctor` "
                        "restores it with its runs"
                    )
                if EXPERIMENT_KIND not in found.tags:  # made by a release of before
                    self.client.set_experiment_tag(found.experiment_id, EXPERIMENT_KIND, TRAININGS)
                return str(found.experiment_id)
            return create_experiment(self.client, name, self._location(name))

    def _location(self, experiment: str) -> str | None:
        """Of an experiment's artifacts; a server knows itself."""
        place = self.root / locations.ARTIFACTS / experiment
        return place.as_uri() if self.is_local else None

    @property
    def is_local(self) -> bool:
        return self.uri.startswith("sqlite:")

    def run(self, record: Run) -> TrackedRun:
        return self._of(lookup.training_of(record))

    def _of(self, training: str, *, is_new: bool = False) -> TrackedRun:
        outbox = Outbox(self.root, self.client, self.uri, training, away=self.away)
        return TrackedRun(outbox, is_new)

    def find(self, tags: Mapping[str, str]) -> TrackedRun | None:
        """The newest finished run that carries all of `tags`."""
        found = lookup.newest(self.client, tags)
        return self.run(found) if found else None

    def find_or_restore(
        self, tags: Mapping[str, str], *, dataset: str, params_file: Path
    ) -> TrackedRun:
        """The run of the training that made the file of this hash here, else the newest with it.

        Else a new one tagged `restored`: the model came out of the DVC cache of somebody whose
        tracking store is not this one.
        """
        (sha256,) = tags.values()
        training = trainings.of(self.root, sha256)
        if training and (own := self.of_training(training)):
            return own
        if not training and (found := self._asked(lambda: self.find(tags), silent=None)):
            return found
        named = {TRAINING: training} if training else {}
        restored = {**tags, **named, "restored": "true"}
        run = self.create(experiment_of(dataset), "restored from the cache", restored, params_file)
        run.set_status("FINISHED")
        return run

    def create(
        self, experiment: str, name: str, tags: Mapping[str, str], params_file: Path
    ) -> TrackedRun:
        """A run of a new training, unless `tags` name one; raises TrackingError."""
        self._asked(lambda: self.experiment_id(experiment), silent="")
        named = {TRAINING: uuid.uuid4().hex, **provenance.source_tags(params_file), **tags}
        run = self._of(named[TRAINING], is_new=True)
        run.outbox.add(Create(experiment, self._location(experiment), name, named, now_ms()))
        return run

    def of_training(self, training: str) -> TrackedRun | None:
        """Its run, where that has not been deleted; a store that is away has not."""
        run = self._of(training)
        if run.outbox.kept():
            return run
        known = self._asked(lambda: bool(lookup.of_training(self.client, training)), silent=True)
        return run if known else None

    def reopen(self, training: str) -> TrackedRun | None:
        """The run of an interrupted training, RUNNING again; None where it was deleted."""
        run = self.of_training(training)
        if run is None:
            return None
        if not run.outbox.kept():
            status = self._asked(lambda: run.record.info.status, silent="")
            if status == "FINISHED":
                return None
        run.go_on()
        return run

    def end_dead_runs(self) -> list[str]:
        """Set runs KILLED whose process on this host is gone; returns their ids."""
        return self._asked(self._end_dead_runs, silent=[])

    def _end_dead_runs(self) -> list[str]:
        dead = [
            run.info.run_id
            for run in lookup.search(self.client, "attributes.status = 'RUNNING'", limit=1000)
            if "pid" in run.data.tags and not provenance.is_alive(run.data.tags)
        ]
        for run_id in dead:
            self.client.set_terminated(run_id, "KILLED")
        return dead

    def _asked(self, question: Callable[[], T], *, silent: T) -> T:
        """The answer; `silent` where the store is away, also since it was opened."""
        if self.away:
            return silent
        try:
            return question()
        except SILENCE:
            return silent

    def send_waiting(self) -> list[str]:
        """Send the store what waits for it; returns the trainings that this was of."""
        boxes = list(waiting(self.root, self.client, self.uri))
        return [box.training for box in boxes if box.send()]

    def restore_experiment(self, name: str) -> bool:
        """Whether it was deleted, and is not any more."""
        found = self.client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage == "active":
            return False
        self.client.restore_experiment(found.experiment_id)
        return True

    def without_artifacts(self) -> list[str]:
        """Complete runs of a local store whose folder of artifacts is gone."""
        if not self.is_local:
            return []
        runs = lookup.search(self.client, f"tags.`{COMPLETE}` = 'true'", limit=1000)
        places = {run.info.run_id: urlsplit(run.info.artifact_uri) for run in runs}
        return [
            run_id
            for run_id, place in places.items()
            if place.scheme in ("", "file") and not Path(unquote(place.path)).is_dir()
        ]


def experiment_of(dataset: str) -> str:
    """Models of one data set are compared with each other and never with another's."""
    return f"{dataset}-classifier"


def answering(root: Path) -> Store:
    """The store, for what cannot do without it; raises TrackingError where it does not answer."""
    store = open_store(root)
    if store.away:
        raise TrackingError(_explained(store.uri, "no connection"))
    return store


def open_store(root: Path) -> Store:
    """Open `MLFLOW_TRACKING_URI`, or else `mlflow.db` at `root`.

    Two first uses at once do not meet: the database is made under a lock. A server may be away.
    Raises TrackingError where a database cannot be used.
    """
    _set_up()
    own = root.resolve() / "mlflow.db"
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{own}"
    client = None
    try:
        with _lock(root):
            client = MlflowClient(uri)  # makes the database, or brings it to this version
            client.search_experiments(max_results=1)
            if uri == f"sqlite:///{own}" and (line := locations.relocate(own, root.resolve())):
                sys.stderr.write(f"{line}\n")
    except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:
        if client is None or not uri.startswith("http"):
            raise TrackingError(_explained(uri, str(error))) from error
        sys.stderr.write(f"{silence(uri, root.resolve() / FOLDER)}\n")
        return Store(client, uri, root.resolve(), away=True)
    return Store(client, uri, root.resolve())


def _explained(uri: str, said: str) -> str:
    """Put into a line what the store's library says in many."""
    for words, advice in FAULTS:
        if words in said:
            return f"the tracking store {uri!r}: {words}; {advice.format(uri=uri)}"
    return (
        f"the tracking store {uri!r} does not answer: {said.splitlines()[0]}. Start it, or unset "
        "MLFLOW_TRACKING_URI to track in mlflow.db at the repository root"
    )


def _set_up() -> None:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    patience.set_defaults()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # a traceback of its own
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it tells each retry
    set_telemetry_client()  # reads the variable again: importing mlflow has set one up


def _lock(root: Path) -> FileLock:
    return FileLock(root / ".mlflow.db.lock")
