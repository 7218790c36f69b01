"""The LightningDataModule: whole splits as one tensor each, or streamed where they do not fit."""

import math
import threading
from typing import Literal

import lightning
import torch

from pipeline.training.batches import Batches, Fetch, Plan, Split
from pipeline.training.fetching import resident, streamed
from pipeline.training.memory import free_memory

VAL_BATCH = 512  # images; no recipe depends on it
STEPS_PER_CALL = 16  # mini-batches in one training_step
ROOM = 0.5  # of the free memory that the images may take

Placement = Literal["auto", "resident", "streamed"]


class ArraysDataModule(lightning.LightningDataModule):
    """Chunks of mini-batches of `train` and `val`; `placement` auto asks for free memory.

    `evened`: training sees every class equally often, whatever their sizes.
    """

    def __init__(  # noqa: PLR0913 - independent choices
        self,
        train: Split,
        val: Split,
        *,
        batch_size: int,
        seed: int,
        evened: bool = False,
        placement: Placement = "auto",
    ) -> None:
        super().__init__()
        self.train, self.val = train, val
        self.batch_size, self.seed, self.placement = batch_size, seed, placement
        self.evened = evened
        self.reading = threading.Lock()  # held while a thread copies to the GPU

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
            evened=split.labels if self.evened and seed is not None else None,
        )
        fetch = self._fetch(split, trainer.strategy.root_device)
        return Batches(plan, fetch, lambda: trainer.current_epoch)

    def _fetch(self, split: Split, device: torch.device) -> Fetch:
        neighbours = 1 if device.type == "cuda" else self._processes_here()
        fits = math.prod(split.images.shape) <= ROOM * free_memory(device) / neighbours
        if self.placement == "resident" or (self.placement == "auto" and fits):
            return resident(split, device)
        return streamed(split, device, self.reading)

    def _processes_here(self) -> int:
        return self.trainer.num_devices if self.trainer else 1
