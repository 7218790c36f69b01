"""How chunks come to the device: from the whole set there, or read ahead from the memory map."""

import math
import queue
import threading
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.training.batches import Fetch, Split

AHEAD = 2  # chunks that are read while one is used
SLICE = 1 << 26  # bytes of the set that are copied to the device at once


def resident(split: Split, device: torch.device) -> Fetch:
    """Take chunks from the whole set: copied to a GPU, or on a CPU from the memory map's pages.

    numpy gathers whole images, which takes a CPU a twelfth of the time of torch's indexing.
    """
    if device.type == "cpu":
        return lambda indexes: (gathered(split, index) for index in indexes)
    images = torch.empty(split.images.shape, dtype=torch.uint8, device=device)
    step = max(1, SLICE // math.prod(split.images.shape[1:]))
    for first in range(0, len(images), step):
        part = np.array(split.images[first : first + step])
        images[first : first + step].copy_(torch.from_numpy(part))
    labels = torch.from_numpy(np.array(split.labels)).to(device)

    def fetch(indexes: Iterator[NDArray[np.int64]]) -> Iterator[tuple[Tensor, Tensor]]:
        for index in indexes:
            place = torch.from_numpy(index).to(device, non_blocking=True)
            yield images[place], labels[place]

    return fetch


def streamed(split: Split, device: torch.device, reading: threading.Lock) -> Fetch:
    """Read chunks from the memory map in a thread, while the one before is in use.

    For a GPU they go through pinned buffers. The thread holds `reading` while it uses the GPU.
    """
    pin = device.type == "cuda"

    def read(index: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        with reading:
            images, labels = gathered(split, index, pin=pin)
            return images.to(device, non_blocking=pin), labels.to(device, non_blocking=pin)

    return lambda indexes: read_ahead(read, indexes)


def gathered(split: Split, index: NDArray[np.int64], *, pin: bool = False) -> tuple[Tensor, Tensor]:
    shape = (len(index), *split.images.shape[1:])
    images = torch.empty(shape, dtype=torch.uint8, pin_memory=pin)
    np.take(split.images, index, axis=0, out=images.numpy(), mode="clip")
    return images, torch.from_numpy(np.asarray(split.labels)[index])


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
