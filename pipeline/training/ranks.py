"""Several processes of one training: what the first decides for all, and what a lost one means."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_only
from torch.distributed import DistError

from contract import files
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from lightning.pytorch.strategies import ParallelStrategy

CHECKPOINT = "TRAIN_CHECKPOINT"  # of the first process, for those that Lightning starts from it


class LostProcessError(PipelineError, RuntimeError):
    """Another process of this training has ended before its time."""


def is_first() -> bool:
    """Whether this is the process that keeps the run and the files, by what started it."""
    return bool(rank_zero_only.rank == 0)  # type: ignore[attr-defined]  # Lightning sets it


@contextmanager
def complete(built: Trainer) -> Iterator[None]:
    """Inside, what torch raises where another process has gone becomes LostProcessError."""
    try:
        yield
    except RuntimeError as error:
        if built.world_size == 1 or not (isinstance(error, DistError) or "gloo" in str(error)):
            raise
        raise LostProcessError(
            f"another of the {built.world_size} processes of this training has gone, in epoch "
            f"{built.current_epoch + 1}; its own error, if any, is above or on its machine. "
            "The same command goes on at the last epoch's end"
        ) from error


@contextmanager
def agreed(built: Trainer, own: Path | None) -> Iterator[Path | None]:
    """Yield the first process's checkpoint in every process, for the time of the block.

    `own` counts in the first process alone. Where another has no such file, because the folder
    is on another machine, it gets a copy.
    """
    if built.world_size == 1:
        yield own
        return
    strategy = cast("ParallelStrategy", built.strategy)
    if isinstance(strategy.cluster_environment, LightningEnvironment):
        if is_first():
            os.environ[CHECKPOINT] = str(own or "")
        name = os.environ[CHECKPOINT]
        yield Path(name) if name else None
        return
    strategy.setup_environment()  # Lightning's `fit` finds the connection made
    with tempfile.TemporaryDirectory(prefix="train-") as folder:
        yield _brought(strategy, own, Path(folder))


def _brought(strategy: "ParallelStrategy", own: Path | None, folder: Path) -> Path | None:
    known = (own, files.sha256_of_file(own)) if own and is_first() else None
    known = strategy.broadcast(known)
    if known is None:
        return None
    path, sha256 = known
    if strategy.reduce_boolean_decision(path.exists() and files.sha256_of_file(path) == sha256):
        return path
    content = strategy.broadcast(path.read_bytes() if is_first() else b"")
    if is_first():
        return path
    copy = folder / path.name
    copy.write_bytes(content)
    return copy
