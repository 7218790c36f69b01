"""Which images make which mini-batch: cut by index, several of them in a chunk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.training.augment import even_bounds, seeded
from pipeline.training.augmenter import Drawn
from pipeline.training.balance import even_order


class Batch(NamedTuple):
    """What one step takes: images (N, C, H, W) uint8, labels (N,), numbers of its augmentation."""

    images: Tensor
    labels: Tensor
    drawn: Drawn


class Chunk(NamedTuple):
    """Several mini-batches in a row: images (N, C, H, W) uint8, labels (N,), size of each.

    `places` (N,) are the images' indexes into their split, on the CPU.
    """

    images: Tensor
    labels: Tensor
    sizes: list[int]
    places: Tensor

    def mini_batches(self, drawn: Drawn) -> Iterator[Batch]:
        """Yield the chunk cut up, each mini-batch with its part of `drawn`."""
        images, labels = torch.split(self.images, self.sizes), torch.split(self.labels, self.sizes)
        yield from map(Batch, images, labels, drawn.cut(self.sizes))


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

    Every image is seen once an epoch by one process, unless classes are evened; all processes make
    equally many mini-batches, as even as can be and none above `batch_size`. The order depends
    on (seed, epoch) alone.
    """

    images: int
    batch_size: int
    rank: int = 0
    processes: int = 1
    per_chunk: int = 1
    seed: int | None = None  # None keeps the order of the split
    evened: NDArray[np.int64] | None = None  # labels whose classes shall come equally often

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
        elif self.evened is not None:
            everything = even_order(self.evened, seeded(self.seed, epoch))
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
            places = torch.from_numpy(np.concatenate(chunk))
            yield Chunk(images, labels, [len(batch) for batch in chunk], places)
