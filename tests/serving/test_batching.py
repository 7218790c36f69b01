"""The batcher alone: no HTTP, no ONNX, only arrays and a function."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.batching import Batcher
from serving.errors import DeadlineExceeded, Unavailable

Array = NDArray[Any]


class Runner:
    """Doubles its items; keeps the slices it saw; can be held at a gate."""

    def __init__(self) -> None:
        self.slices: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        self.poison: set[int] = set()

    def __call__(self, items: Array) -> Array:
        self.began.set()
        self.gate.wait(10)
        self.slices.append(items.tolist())
        if self.poison.intersection(items.tolist()):
            raise ValueError("poisoned")
        return items * 2


def items(*values: int) -> Array:
    return np.array(values)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 20))


async def hold(runner: Runner, batcher: Batcher) -> asyncio.Future[Array]:
    """Occupy the thread, so that whatever comes next gathers in the queue."""
    runner.gate.clear()
    runner.began.clear()
    first = batcher.submit(items(0))
    await asyncio.to_thread(runner.began.wait, 10)
    return first


def test_what_gathers_during_a_run_runs_together() -> None:
    """Drain: an idle batcher runs at once, then one run takes all that waited meanwhile."""

    async def test() -> None:
        runner = Runner()
        batcher = Batcher(runner)
        first = await hold(runner, batcher)
        futures = [batcher.submit(items(i, i + 100)) for i in range(1, 5)]
        runner.gate.set()
        results = await asyncio.gather(first, *futures)
        assert [result.tolist() for result in results[1:]] == [
            [2 * i, 2 * (i + 100)] for i in range(1, 5)
        ]
        assert len(runner.slices) == 2
        await batcher.close()

    run(test())


def test_slices_are_bounded_and_stitched_together_again() -> None:
    """A large caller runs in slices; its results come back whole."""

    async def test() -> None:
        runner = Runner()
        batcher = Batcher(runner, slice_items=4)
        result = await batcher.submit(np.arange(10))
        assert result.tolist() == [2 * i for i in range(10)]
        assert max(map(len, runner.slices)) == 4
        await batcher.close()

    run(test())


def test_a_large_caller_does_not_hold_up_a_small_one() -> None:
    """After each slice the large one goes to the back of the queue."""

    async def test() -> None:
        runner = Runner()
        batcher = Batcher(runner, slice_items=4)
        first = await hold(runner, batcher)
        large = batcher.submit(np.arange(100, 140))
        small = batcher.submit(items(7))
        runner.gate.set()
        await asyncio.gather(first, large, small)
        assert next(i for i, seen in enumerate(runner.slices) if 7 in seen) == 2
        await batcher.close()

    run(test())


def test_one_bad_caller_fails_alone() -> None:
    """Of 64 callers in one slice, 63 get their results."""

    async def test() -> None:
        runner = Runner()
        runner.poison = {13}
        batcher = Batcher(runner)
        first = await hold(runner, batcher)
        futures = [batcher.submit(items(i)) for i in range(1, 65)]
        runner.gate.set()
        results = await asyncio.gather(first, *futures, return_exceptions=True)
        failed = [i for i, result in enumerate(results) if isinstance(result, BaseException)]
        assert failed == [13]
        assert batcher.waiting == 0
        await batcher.close()

    run(test())


def test_a_full_queue_refuses() -> None:
    """What does not fit is told so at once, and the count that is shown falls again afterwards."""
    told: list[int] = []

    async def test() -> None:
        runner = Runner()
        batcher = Batcher(runner, queue_items=3, count_waiting=told.append)
        first = await hold(runner, batcher)
        second = batcher.submit(items(1, 2))
        with pytest.raises(Unavailable, match="full"):
            batcher.submit(items(3))
        assert sum(told) == 3
        runner.gate.set()
        await asyncio.gather(first, second)
        assert sum(told) == 0
        assert (await batcher.submit(items(1, 2, 3))).tolist() == [2, 4, 6]
        await batcher.close()

    run(test())


def test_a_deadline_that_passed_in_the_queue_is_told() -> None:
    """Who waited too long gets an error instead of a late run."""

    async def test() -> None:
        runner = Runner()
        batcher = Batcher(runner, deadline_s=0.0)
        with pytest.raises(DeadlineExceeded, match="0 s"):
            await batcher.submit(items(1))
        assert runner.slices == []
        await batcher.close()

    run(test())


def test_a_deadline_holds_while_a_long_run_keeps_the_thread() -> None:
    """Whoever waits behind it, or is in it, hears of the deadline in time."""

    async def test() -> None:
        runner = Runner()
        batcher = Batcher(runner, deadline_s=0.1)
        first = await hold(runner, batcher)
        second = batcher.submit(items(1))
        for future in (first, second):
            with pytest.raises(DeadlineExceeded):
                await future
        runner.gate.set()
        await batcher.close()
        assert runner.slices == [[0]]
        assert batcher.waiting == 0

    run(test())


def test_neither_a_wrong_count_nor_a_bad_observer_stops_the_batcher() -> None:
    """The first is the callers' error, the second the log's; the next caller is served."""

    def observe(ran: Array, results: Array) -> None:
        raise ValueError(f"{ran} {results}")

    async def test() -> None:
        batcher = Batcher(lambda x: x[:1], observe=observe)
        assert (await batcher.submit(items(7))).tolist() == [7]
        with pytest.raises(ValueError, match="2 items gave 1 results"):
            await batcher.submit(items(1, 2))
        assert (await batcher.submit(items(8))).tolist() == [8]
        await batcher.close()

    run(test())


def test_a_caller_that_left_is_not_run() -> None:
    """A cancelled future's items are skipped; its mates' are not."""

    async def test() -> None:
        runner = Runner()
        batcher = Batcher(runner)
        first = await hold(runner, batcher)
        gone, stays = batcher.submit(items(1)), batcher.submit(items(2))
        gone.cancel()
        runner.gate.set()
        await asyncio.gather(first, stays)
        assert runner.slices == [[0], [2]]
        await batcher.close()
        assert batcher.waiting == 0

    run(test())


@pytest.mark.parametrize("abandon", [False, True])
def test_shutdown_settles_every_future(*, abandon: bool) -> None:
    """With their results, or, when abandoned, with an error: nobody waits for ever."""

    async def test() -> None:
        runner = Runner()
        batcher = Batcher(runner)
        first = await hold(runner, batcher)
        futures = [batcher.submit(items(i)) for i in range(1, 5)]
        closing = asyncio.create_task(batcher.close(abandon=abandon))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="shutting down"):
            batcher.submit(items(9))
        runner.gate.set()
        results = await asyncio.gather(first, *futures, return_exceptions=True)
        await closing
        kinds = {type(result) for result in results[1:]}
        assert kinds == {Unavailable if abandon else np.ndarray}

    run(test())


def test_the_observer_sees_each_slice_with_its_results() -> None:
    """What was run is told once, off the event loop."""
    seen: list[tuple[list[int], list[int], str]] = []

    def observe(ran: Array, results: Array) -> None:
        seen.append((ran.tolist(), results.tolist(), threading.current_thread().name))

    async def test() -> None:
        batcher = Batcher(Runner(), observe=observe)
        await batcher.submit(items(1, 2))
        await batcher.close()

    run(test())
    assert seen == [([1, 2], [2, 4], "batcher")]


def test_callers_of_one_turn_of_the_loop_run_together() -> None:
    """The first of them does not wake the thread for itself alone."""

    async def test() -> None:
        runner = Runner()
        batcher = Batcher(runner)
        results = await asyncio.gather(*[batcher.submit(items(i)) for i in range(16)])
        assert [result.tolist() for result in results] == [[2 * i] for i in range(16)]
        assert len(runner.slices) == 1
        last = batcher.submit(items(7))
        await batcher.close()
        assert (await last).tolist() == [14]

    run(test())
