"""Entries of a run that its store has not got yet: on disk while it is away, sent when it answers.

One file for each entry, `.unsent/STORE-TRAINING-TIME.json`; whoever opens that run next sends them
in their order, in this process or another, or `convnet doctor`.
"""

import hashlib
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from msgspec import structs
from sqlalchemy.exc import SQLAlchemyError

from contract import files
from pipeline.tracking import lookup
from pipeline.tracking.entries import Create, Entry, Files, Onnx
from pipeline.tracking.lookup import Place

FOLDER = ".unsent"
RETRY_S = 5.0  # between two attempts in the background
SILENCE = (MlflowException, SQLAlchemyError, OSError)  # of a store that does not answer
# A store that answers so will not take the entry the next time either.
REFUSALS = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE")


class Outbox:
    """Entries of one training for one store; any number of processes may add and send."""

    def __init__(
        self, root: Path, client: MlflowClient, uri: str, training: str, *, away: bool = False
    ) -> None:
        self.client, self.uri, self.training = client, uri, training
        self.away = away  # the store did not answer the last time
        self.folder = root / FOLDER
        self._name = f"{_mark(uri)}-{training}"
        self._run_id: str | None = None
        self._wake = threading.Event()
        self._is_sending, self._ends, self._has_refused = False, False, False

    def add(self, entry: Entry) -> None:
        """Send it now, if everything before it is sent; else keep it until the store answers."""
        if not self._is_sending and not self.away and not self.kept() and self._is_done(entry):
            return
        self._keep(entry)
        if self.away:
            return
        if self._is_sending:
            self._wake.set()
        else:
            self.send()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Inside, entries are sent by a thread: whoever adds them never waits for the store."""
        self._is_sending, self._ends = True, False
        thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ends = True
            self._wake.set()
            thread.join()
            self._is_sending = False

    def send(self) -> bool:
        """Send what is kept, in its order; returns whether nothing is left."""
        lock = FileLock(self.folder / f"{self._name}.lock")
        with lock:
            for path in self.kept():
                entry = msgspec.json.decode(path.read_bytes(), type=Entry)
                if not self._is_done(entry):
                    return False
                path.unlink()
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)
        return True

    def run_id(self) -> str:
        """The store's id of the run; raises MlflowException where it has none, or is away."""
        if self._run_id is None:
            found = lookup.of_training(self.client, self.training)
            if found is None:
                what = f"no run of the training {self.training}"
                raise MlflowException(what, RESOURCE_DOES_NOT_EXIST)
            self._run_id = str(found.info.run_id)
        return self._run_id

    def kept(self) -> list[Path]:
        return sorted(self.folder.glob(f"{self._name}-*.json"))

    def _work(self) -> None:
        while not self._ends:
            self._wake.wait(RETRY_S if self.away else None)
            self._wake.clear()
            if self.kept():
                self.send()
        if self.kept():
            self.send()

    def _is_done(self, entry: Entry) -> bool:
        """Whether it need not be kept: sent, or refused for ever, which is said."""
        try:
            self._deliver(entry)
        except SILENCE as error:
            if isinstance(error, MlflowException) and error.error_code in REFUSALS:
                self._say_refused(error)
                return True
            self._say_away()
            return False
        self.away = False
        return True

    def _deliver(self, entry: Entry) -> None:
        if not isinstance(entry, Create):
            entry.deliver(Place(self.client, self.uri, self.run_id()))
            return
        found = lookup.of_training(self.client, self.training)
        self._run_id = found.info.run_id if found else entry.create(self.client)

    def _say_refused(self, error: MlflowException) -> None:
        if not self._has_refused:
            sys.stderr.write(f"warning: {self.uri} takes no more of {self.training}: {error}\n")
        self._has_refused = True

    def _say_away(self) -> None:
        if not self.away:
            sys.stderr.write(f"{silence(self.uri, self.folder)}\n")
        self.away = True

    def _keep(self, entry: Entry) -> None:
        place = self.folder / f"{self._name}-{time.time_ns():020d}.json"
        if isinstance(entry, Files | Onnx):
            beside = place.with_suffix("")
            copies = tuple(str(_copied(Path(path), beside)) for path in entry.paths)
            entry = structs.replace(entry, paths=copies)
        files.write_bytes(place, msgspec.json.encode(entry))


def silence(uri: str, folder: Path) -> str:
    return (
        f"note: the tracking store {uri!r} does not answer; its entries wait in "
        f"{folder}: a later stage sends them, or `convnet doctor`"
    )


def waiting(root: Path, client: MlflowClient, uri: str) -> list[Outbox]:
    """Those that have something for this store."""
    kept = (root / FOLDER).glob(f"{_mark(uri)}-*.json")
    trainings = sorted({path.name.split("-")[1] for path in kept})
    return [Outbox(root, client, uri, training) for training in trainings]


def _mark(uri: str) -> str:
    return hashlib.sha256(uri.encode()).hexdigest()[:8]


def _copied(path: Path, to: Path) -> Path:
    to.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        return Path(shutil.copytree(path, to / path.name))
    return Path(shutil.copy2(path, to / path.name))
