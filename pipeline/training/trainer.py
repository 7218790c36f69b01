"""The Lightning Trainer as every training here wants it: calm, and nothing of its own injected."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import lightning
import torch
from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator
from lightning.pytorch.callbacks import Callback, TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
from lightning.pytorch.loggers import Logger
from torch.utils import deterministic

from pipeline.errors import PipelineError
from pipeline.training import cluster, precision
from pipeline.training.memory import keep_freed_memory
from pipeline.training.whole_files import WholeFiles

if TYPE_CHECKING:
    from pipeline.config import Train

# Warnings about which nobody who trains can, or should, do anything
NOTHING_TO_DO: Sequence[tuple[str, type[Warning]]] = (
    # Lightning 2.6 asks torch 2.15 in words of before
    (r"`isinstance\(treespec, LeafSpec\)`", FutureWarning),
    # Lightning looks for srun on PATH, not for a job
    ("The `srun` command is available", UserWarning),
    # a training goes on from what lies there
    ("Checkpoint directory .* exists and is not empty", UserWarning),
    # one copy of a gradient; the order of channels that causes it is worth more
    ("Grad strides do not match bucket view", UserWarning),
)


class DeviceError(PipelineError, ValueError):
    """This machine has not the device that the parameters need."""


class CalmBar(TQDMProgressBar):
    """One line for the whole training epoch, redrawn now and then; validation has none."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=4)

    def init_validation_tqdm(self) -> Tqdm:
        bar = super().init_validation_tqdm()
        bar.disable = True
        return bar


def check_device(train: "Train") -> None:
    """Raise DeviceError where Lightning would fail, or train in another precision than is said.

    ClusterError where it would wait for processes that nobody starts.

    pipeline.config refuses what is wrong on any machine; this is what is wrong on this one.
    """
    cuda = CUDAAccelerator.is_available()
    if train.accelerator == "gpu" and not (cuda or MPSAccelerator.is_available()):
        raise DeviceError(
            f"train.accelerator is {train.accelerator!r}, and torch finds no GPU on this machine: "
            "take auto or cpu, or train where there is a GPU"
        )
    if train.precision == "16-mixed" and not cuda:
        raise DeviceError(
            f"train.precision is {train.precision!r}, and torch finds no CUDA GPU on this machine "
            f"(train.accelerator is {train.accelerator!r}): take 32-true or bf16-mixed, "
            "or train where there is a GPU"
        )
    cluster.check(devices=train.devices, num_nodes=train.num_nodes)


def build(
    train: "Train",
    *,
    root: Path,
    callbacks: Sequence[Callback] = (),
    logger: Logger | bool = False,
    progress: bool = True,
) -> lightning.Trainer:
    """Return a Trainer for ImageClassifier; `root` is where Lightning would put what it writes.

    Raises DeviceError.
    """
    check_device(train)
    torch.set_num_threads(train.threads)
    keep_freed_memory()
    # deterministic mode would fill every new tensor; nothing here reads what it has not written
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # made at run time
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for words, category in NOTHING_TO_DO:
        warnings.filterwarnings("ignore", words, category)
    bar = [CalmBar()] if progress else []
    return lightning.Trainer(
        default_root_dir=root,
        accelerator=train.accelerator,
        devices=train.devices,
        strategy=train.strategy,
        num_nodes=train.num_nodes,
        plugins=[cluster.environment(), WholeFiles()],
        precision=precision.of_lightning(train.precision),
        max_epochs=train.epochs,
        deterministic="warn" if train.deterministic else False,
        callbacks=[*callbacks, *bar],
        logger=logger,
        enable_progress_bar=progress,
        enable_model_summary=False,
        enable_checkpointing=any("Checkpoint" in type(callback).__name__ for callback in callbacks),
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )


def first_says(train: "Train", found: bool) -> bool:  # noqa: FBT001 - what one process has found
    """Return what the first process has found, in every process that torchrun or srun started.

    Those that Lightning starts come later, and only where there is something to train.
    """
    if cluster.starts_processes():
        return found
    strategy = build(train, root=Path(), progress=False).strategy
    strategy.setup_environment()
    return strategy.broadcast(found)
