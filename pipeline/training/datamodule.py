"""The LightningDataModule: whole splits as one tensor each, or streamed where they do not fit."""

import math
import os
from typing import Literal

import lightning
import torch

from pipeline.training.batches import Batches, Fetch, Plan, Split, resident, streamed

VAL_BATCH = 512  # images; no recipe depends on it
STEPS_PER_CALL = 16  # mini-batches in one training_step
ROOM = 0.5  # of the free memory that the images may take

Placement = Literal["auto", "resident", "streamed"]


class ArraysDataModule(lightning.LightningDataModule):
    """Chunks of mini-batches of `train` and `val`; `placement` auto asks for free memory."""

    def __init__(
        self,
        train: Split,
        val: Split,
        *,
        batch_size: int,
        seed: int,
        placement: Placement = "auto",
    ) -> None:
        super().__init__()
        self.train, self.val = train, val
        self.batch_size, self.seed, self.placement = batch_size, seed, placement

    def train_dataloader(self) -> Batches:
        return self._batches(self.train, self.batch_size, seed=self.seed, per_chunk=STEPS_PER_CALL)

    def val_dataloader(self) -> Batches:
        return self._batches(self.val, VAL_BATCH, seed=None, per_chunk=1)

    def transfer_batch_to_device(self, batch: object, *_: object) -> object:
        """Return what the loaders have put on the device already."""
        return batch

    def _batches(self, split: Split, size: int, *, seed: int | None, per_chunk: int) -> Batches:
        trainer = self.trainer
        if trainer is None:
            raise RuntimeError("a loader belongs to a training: pass this to Trainer.fit")
        plan = Plan(
            images=len(split.labels),
            batch_size=size,
            rank=trainer.global_rank,
            processes=trainer.world_size,
            per_chunk=per_chunk,
            seed=seed,
        )
        fetch = self._fetch(split, trainer.strategy.root_device)
        return Batches(plan, fetch, lambda: trainer.current_epoch)

    def _fetch(self, split: Split, device: torch.device) -> Fetch:
        fits = math.prod(split.images.shape) <= ROOM * free_memory(device)
        if self.placement == "resident" or (self.placement == "auto" and fits):
            return resident(split, device)
        return streamed(split, device)


def free_memory(device: torch.device) -> int:
    """Return bytes; for the CPU what Linux calls available, or else a quarter of all."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - no path of ours
            sizes = dict(line.split(":") for line in file)
        return int(sizes["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
