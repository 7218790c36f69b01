"""What an interrupted training is resumed from, kept outside DVC's outs.

DVC deletes a stage's outs before it runs, so what a later run goes on from lies in `.train/KEY`:
Lightning checkpoints, and the training's `pipeline.run`. KEY names parameters, data, code and
versions.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from contract import files

KEPT_FOLDERS = 3  # of other trainings that were interrupted and may be asked for again


@dataclass(frozen=True)
class ResumePoint:
    """One training's folder: `checkpoints/epoch=N.ckpt` and `training`, its `pipeline.run`."""

    folder: Path

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def training(self) -> str | None:
        file = self.folder / "training"
        return file.read_text() if file.exists() else None

    def remember(self, training: str) -> None:
        files.write_bytes(self.folder / "training", training.encode())

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint that can be read; broken ones are removed."""
        for path in sorted(self.checkpoints.glob("*.ckpt"), key=_epoch, reverse=True):
            try:
                torch.load(path, map_location="cpu", weights_only=True)
            except Exception:  # noqa: BLE001 - a torn file fails in many ways, all mean the same
                path.unlink(missing_ok=True)
            else:
                return path
        return None

    def forget(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def folder_of(root: Path, key: str) -> Path:
    return root / ".train" / key[:16]


@contextmanager
def resume_point(root: Path, key: str, *, resume: bool) -> Iterator[ResumePoint]:
    """Hold the folder of this training; a twin that runs at this moment gets one of its own.

    `resume=False` starts over. The folder stays after the block, unless it is forgotten.
    """
    way = ResumePoint(folder_of(root, key))
    way.folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(way.folder.with_suffix(".lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        with tempfile.TemporaryDirectory(prefix="train-") as folder:
            yield ResumePoint(Path(folder))
        return
    try:
        _remove_old(way.folder.parent)
        if not resume:
            way.forget()
        way.checkpoints.mkdir(parents=True, exist_ok=True)
        yield way
    finally:
        lock.release()


def _epoch(path: Path) -> int:
    digits = path.stem.partition("epoch=")[2]
    return int(digits) if digits.isdigit() else -1


def _remove_old(trains: Path) -> None:
    """Keep the newest folders of other trainings; those in use are locked and stay."""
    folders = sorted(
        (path for path in trains.iterdir() if path.is_dir()),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for folder in folders[KEPT_FOLDERS:]:
        lock = FileLock(folder.with_suffix(".lock"))
        try:
            with lock.acquire(blocking=False):
                shutil.rmtree(folder, ignore_errors=True)
        except Timeout:
            continue
