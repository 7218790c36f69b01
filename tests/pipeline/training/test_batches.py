"""Who sees which image when, and what is read ahead."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.training.batches import Batches, Fetch, Plan
from pipeline.training.fetching import read_ahead, resident, streamed

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Split:
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def split_of(count: int) -> Split:
    images = np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(4, axis=3)
    return Split(images, np.arange(count))


@given(
    images=st.integers(1, 300),
    batch_size=st.integers(1, 70),
    processes=st.integers(1, 5),
    per_chunk=st.integers(1, 7),
)
def test_each_image_once_an_epoch(
    images: int, batch_size: int, processes: int, per_chunk: int
) -> None:
    """Over all processes, which make equally many mini-batches, none above the size asked for."""
    plans = [
        Plan(
            images=images, batch_size=batch_size, rank=rank, processes=processes,
            per_chunk=per_chunk, seed=3,
        )
        for rank in range(processes)
    ]  # fmt: skip
    chunks = [list(plan.cut(1)) for plan in plans]
    batches = [[batch for chunk in own for batch in chunk] for own in chunks]
    assert {len(own) for own in batches} == {plans[0].steps}
    assert {len(own) for own in chunks} == {plans[0].chunks}
    seen = np.concatenate([batch for own in batches for batch in own])
    assert sorted(seen) == list(range(images))
    sizes = [len(batch) for own in batches for batch in own]
    assert max(sizes) <= batch_size


def test_order_depends_on_seed_and_epoch_alone() -> None:
    """So an interrupted training goes on with the order it would have had."""
    plan = Plan(images=50, batch_size=8, seed=1)
    np.testing.assert_array_equal(plan.order(4), plan.order(4))
    assert (plan.order(4) != plan.order(5)).any()
    assert (plan.order(4) != Plan(images=50, batch_size=8, seed=2).order(4)).any()
    np.testing.assert_array_equal(Plan(images=50, batch_size=8).order(4), np.arange(50))


@pytest.mark.parametrize("place", [resident, partial(streamed, reading=threading.Lock())])
def test_chunks_hold_what_the_plan_says(place: Callable[[Split, torch.device], Fetch]) -> None:
    """Both ways of fetching give the planned images, with their labels."""
    fetch = place(split_of(50), CPU)
    plan = Plan(images=50, batch_size=8, per_chunk=3, seed=0)
    loader = Batches(plan, fetch, lambda: 2)
    assert len(loader) == len(list(loader)) == 3
    labels = torch.cat([chunk.labels for chunk in loader])
    np.testing.assert_array_equal(labels, plan.order(2))
    for chunk in loader:
        assert sum(chunk.sizes) == len(chunk.labels)
        np.testing.assert_array_equal(chunk.images[:, 0, 0, 0], chunk.labels)


def test_reading_ahead_raises_what_went_wrong() -> None:
    """In the consumer, after what was read before."""

    def read(index: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        if index[0] == 2:
            raise OSError("disk gone")
        return torch.from_numpy(index), torch.from_numpy(index)

    chunks = read_ahead(read, iter(np.arange(4)[:, None]))
    assert next(chunks)[0].item() == 0
    assert next(chunks)[0].item() == 1
    with pytest.raises(OSError, match="disk gone"):
        next(chunks)


def test_leaving_early_ends_the_thread() -> None:
    """A training that stops in the middle of an epoch leaves no reader behind."""
    started = threading.active_count()

    def endless() -> Iterator[NDArray[np.int64]]:
        while True:
            yield np.arange(1)

    chunks = read_ahead(lambda index: (torch.from_numpy(index),) * 2, endless())
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]  # a generator, typed as an iterator
    assert threading.active_count() == started
