"""The Lightning Trainer as every training here wants it: calm, and nothing of its own injected."""

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
from pipeline.training.memory import keep_freed_memory

if TYPE_CHECKING:
    from pipeline.config import Train


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
    # Lightning 2.6 asks torch 2.15 in words of before; nobody who trains can do anything about it
    warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
    bar = [CalmBar()] if progress else []
    return lightning.Trainer(
        default_root_dir=root,
        accelerator=train.accelerator,
        devices=train.devices,
        strategy=train.strategy,
        num_nodes=train.num_nodes,
        precision=train.precision,
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
