"""A training whose inputs were edited before it ended: its work, until they are what they were.

It lies beside the interrupted ones, in `.train/KEY.finished`, and is dropped by the same rule.
"""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contract import files
from pipeline.inputs import Inputs
from pipeline.tracking import provenance, trainings
from pipeline.tracking import store as tracking
from pipeline.tracking.run import TrackedRun
from pipeline.training import ranks
from pipeline.training.resume import folder_of

TRAINING = "training"
WAYS_ON = (
    "undo it, and `convnet repro` adopts the finished training; keep it, and `convnet repro` "
    "trains anew"
)


@dataclass(frozen=True)
class Finished:
    """What a training wrote, by file names, and its `pipeline.run`."""

    folder: Path

    @property
    def exists(self) -> bool:
        return self.folder.is_dir()

    def keep(self, outs: Sequence[Path], training: str) -> None:
        """Move the files here, all or none: what dvc.lock does not know lies in no stage's way."""
        beside = self.folder.with_suffix(".moving")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        for path in outs:
            shutil.copyfile(path, beside / path.name)
        files.write_bytes(beside / TRAINING, training.encode())
        self.forget()
        beside.rename(self.folder)
        for path in outs:
            path.unlink()

    def restore(self, outs: Sequence[Path]) -> str:
        """Copy the files to where the stage writes them; returns its `pipeline.run`."""
        for path in outs:
            with (self.folder / path.name).open("rb") as kept, files.atomic_write(path) as file:
                shutil.copyfileobj(kept, file)
        return (self.folder / TRAINING).read_text()

    def forget(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def place(root: Path, key: str) -> Finished:
    return Finished(folder_of(root, key).with_suffix(".finished"))


def adopt(kept: Finished, outs: Sequence[Path], checkpoint: Path, given: Inputs) -> None:
    """Take the finished training as this one; of several processes, the first does so for all."""
    if not ranks.is_first():
        return
    training = kept.restore(outs)
    root = provenance.repository_root()
    run = tracking.open_store(root).of_training(training)
    if run:
        run.reinstate()
        sha256 = files.sha256_of_file(checkpoint)
        trainings.remember(root, sha256, run.training)
        run.adopt_equal(sha256)
    sys.stdout.write(
        f"adopted the training that had finished with these inputs ({training}); "
        "TRAIN_RESUME=0 trains anew\n"
    )

    def leave(changes: str) -> None:
        for path in outs:
            path.unlink()
        if run:
            run.withdraw(changes)

    given.check(leave, way_on=WAYS_ON)
    kept.forget()


def conclude(kept: Finished, outs: Sequence[Path], given: Inputs, run: TrackedRun) -> None:
    """Keep the work, and fail, where an input is not what the training worked with."""

    def put_aside(changes: str) -> None:
        run.withdraw(changes)
        kept.keep(outs, run.training)

    given.check(put_aside, way_on=WAYS_ON)
