"""Mini-batches cut by index: from tensors on the device, or streamed from the memory map."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.training.augment import even_bounds, seeded

AHEAD = 2  # chunks that are read while one is used


class Chunk(NamedTuple):
    """Several mini-batches in a row: images (N, C, H, W) uint8, labels (N,), size of each."""

    images: Tensor
    labels: Tensor
    sizes: list[int]


class Split(Protocol):
    """Images (N, C, H, W) uint8 and labels (N,) int64; memory-mapped or not."""

    @property
    def images(self) -> NDArray[np.uint8]: ...

    @property
    def labels(self) -> NDArray[np.int64]: ...


Fetch = Callable[[Iterator[NDArray[np.int64]]], Iterator[tuple[Tensor, Tensor]]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which images a process sees in which mini-batch.

    Every image is seen once an epoch by one process; all processes make equally many mini-batches,
    as even as can be and none above `batch_size`. The order depends on (seed, epoch) alone.
    """

    images: int
    batch_size: int
    rank: int = 0
    processes: int = 1
    per_chunk: int = 1
    seed: int | None = None  # None keeps the order of the split

    @property
    def steps(self) -> int:
        largest = -(-self.images // self.processes)
        return -(-largest // self.batch_size)

    @property
    def chunks(self) -> int:
        return -(-self.steps // self.per_chunk)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the indexes of this process."""
        if self.seed is None:
            everything = torch.arange(self.images)
        else:
            everything = torch.randperm(self.images, generator=seeded(self.seed, epoch))
        return everything[self.rank :: self.processes].numpy()

    def cut(self, epoch: int) -> Iterator[list[NDArray[np.int64]]]:
        """Yield the mini-batches of an epoch, chunk by chunk."""
        order = self.order(epoch)
        batches = [order[a:b] for a, b in pairwise(even_bounds(len(order), self.steps))]
        for first in range(0, len(batches), self.per_chunk):
            yield batches[first : first + self.per_chunk]


class Batches:
    """An epoch's chunks, whenever it is iterated; what Lightning takes as a loader."""

    def __init__(self, plan: Plan, fetch: Fetch, epoch: Callable[[], int]) -> None:
        self.plan, self.fetch, self.epoch = plan, fetch, epoch

    def __len__(self) -> int:
        return self.plan.chunks

    def __iter__(self) -> Iterator[Chunk]:
        chunks = list(self.plan.cut(self.epoch()))
        tensors = self.fetch(np.concatenate(chunk) for chunk in chunks)
        for chunk, (images, labels) in zip(chunks, tensors, strict=True):
            yield Chunk(images, labels, [len(batch) for batch in chunk])


def resident(split: Split, device: torch.device) -> Fetch:
    """Copy the split to the device once; a chunk is one gather there."""
    images = torch.from_numpy(np.array(split.images)).to(device)
    labels = torch.from_numpy(np.array(split.labels)).to(device)

    def fetch(indexes: Iterator[NDArray[np.int64]]) -> Iterator[tuple[Tensor, Tensor]]:
        for index in indexes:
            place = torch.from_numpy(index).to(device, non_blocking=True)
            yield images[place], labels[place]

    return fetch


def streamed(split: Split, device: torch.device) -> Fetch:
    """Read chunks from the memory map in a thread, while the one before is in use.

    For a GPU they go through pinned buffers, so that copying overlaps computing.
    """
    pin = device.type == "cuda"

    def read(index: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        images = torch.empty(
            (len(index), *split.images.shape[1:]), dtype=torch.uint8, pin_memory=pin
        )
        np.take(split.images, index, axis=0, out=images.numpy(), mode="clip")
        labels = torch.from_numpy(np.asarray(split.labels)[index])
        return images.to(device, non_blocking=pin), labels.to(device, non_blocking=pin)

    return lambda indexes: read_ahead(read, indexes)


def read_ahead(
    read: Callable[[NDArray[np.int64]], tuple[Tensor, Tensor]],
    indexes: Iterator[NDArray[np.int64]],
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield read(index) for each index, in order; a thread keeps AHEAD of them ready.

    What goes wrong in the thread is raised here; leaving early ends the thread.
    """
    ready: queue.Queue[tuple[Tensor, Tensor] | BaseException | None] = queue.Queue(AHEAD)
    left = threading.Event()

    def put(item: tuple[Tensor, Tensor] | BaseException | None) -> None:
        while not left.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue
        return None

    def work() -> None:
        try:
            for index in indexes:
                if left.is_set():
                    return
                put(read(index))
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised in the consumer
            put(error)

    thread = threading.Thread(target=work, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        left.set()
        thread.join()
