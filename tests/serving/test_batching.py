"""The batcher alone: no HTTP, no ONNX, only arrays and a function."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.batching.batcher import Batcher
from serving.batching.callers import Tally
from serving.batching.speed import Speed
from serving.context import Context
from serving.errors import ClientLeft, DeadlineExceeded, TooManyImages, Unavailable

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


def batching(  # noqa: PLR0913 -- each is a choice of some test
    run: Callable[[Array], Array],
    *,
    seconds: float = 1e-4,
    slice_items: int = 64,
    quantum: int = 64,
    queue_items: int = 4096,
    deadline_s: float = 10.0,
    observe: Callable[[Array, Array], None] | None = None,
    tally: Tally = Tally(),  # noqa: B008 -- frozen
) -> Batcher:
    """`seconds`: of an item, as measured beforehand."""
    return Batcher(
        run,
        Speed({size: size * seconds for size in (1, slice_items)}, slice_items=slice_items),
        quantum=quantum,
        queue_items=queue_items,
        deadline_s=deadline_s,
        observe=observe,
        tally=tally,
    )


def ask(batcher: Batcher, asked: Array, context: Context | None = None) -> asyncio.Task[Array]:
    return asyncio.ensure_future(batcher.answer(asked, context or Context()))


async def hold(runner: Runner, batcher: Batcher) -> asyncio.Task[Array]:
    """Occupy the thread, so that whatever comes next gathers in the queue."""
    runner.gate.clear()
    runner.began.clear()
    first = ask(batcher, items(0))
    await asyncio.to_thread(runner.began.wait, 10)
    return first


def test_what_gathers_during_a_run_runs_together() -> None:
    """Drain: an idle batcher runs at once, then one run takes all that waited meanwhile."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner)
        first = await hold(runner, batcher)
        futures = [ask(batcher, items(i, i + 100)) for i in range(1, 5)]
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
        batcher = batching(runner, slice_items=4)
        result = await ask(batcher, np.arange(10))
        assert result.tolist() == [2 * i for i in range(10)]
        assert max(map(len, runner.slices)) == 4
        await batcher.close()

    run(test())


def test_a_large_caller_does_not_hold_up_a_small_one() -> None:
    """After each slice the large one goes to the back of the queue."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner, slice_items=4)
        first = await hold(runner, batcher)
        large = ask(batcher, np.arange(100, 140))
        small = ask(batcher, items(7))
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
        batcher = batching(runner)
        first = await hold(runner, batcher)
        futures = [ask(batcher, items(i)) for i in range(1, 65)]
        runner.gate.set()
        results = await asyncio.gather(first, *futures, return_exceptions=True)
        failed = [i for i, result in enumerate(results) if isinstance(result, BaseException)]
        assert failed == [13]
        assert batcher.waiting == 0
        await batcher.close()

    run(test())


def test_a_full_queue_refuses() -> None:
    """What does not fit is refused at once, and the count that is shown falls again afterwards."""
    counted: list[int] = []

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner, queue_items=3, tally=Tally(waiting=counted.append))
        first = await hold(runner, batcher)
        second = ask(batcher, items(1, 2))
        with pytest.raises(Unavailable, match="full"):
            await ask(batcher, items(3))
        assert sum(counted) == 3
        runner.gate.set()
        await asyncio.gather(first, second)
        assert sum(counted) == 0
        assert (await ask(batcher, items(1, 2, 3))).tolist() == [2, 4, 6]
        await batcher.close()

    run(test())


def test_a_deadline_that_passed_in_the_queue_is_told() -> None:
    """Who waited too long gets an error instead of a late run."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner, deadline_s=0.0)
        with pytest.raises(DeadlineExceeded, match="0 s"):
            await ask(batcher, items(1))
        assert runner.slices == []
        await batcher.close()

    run(test())


def test_a_deadline_holds_while_a_long_run_keeps_the_thread() -> None:
    """Whoever waits behind it, or is in it, hears of the deadline in time."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner, deadline_s=0.1)
        first = await hold(runner, batcher)
        second = ask(batcher, items(1))
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
        batcher = batching(lambda x: x[:1], observe=observe)
        assert (await ask(batcher, items(7))).tolist() == [7]
        with pytest.raises(ValueError, match="2 items gave 1 results"):
            await ask(batcher, items(1, 2))
        assert (await ask(batcher, items(8))).tolist() == [8]
        await batcher.close()

    run(test())


def test_a_caller_that_left_is_not_run() -> None:
    """A cancelled future's items are skipped; its mates' are not."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner)
        first = await hold(runner, batcher)
        gone, stays = ask(batcher, items(1)), ask(batcher, items(2))
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
        batcher = batching(runner)
        first = await hold(runner, batcher)
        futures = [ask(batcher, items(i)) for i in range(1, 5)]
        closing = asyncio.create_task(batcher.close(abandon=abandon))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="shutting down"):
            await ask(batcher, items(9))
        runner.gate.set()
        results = await asyncio.gather(first, *futures, return_exceptions=True)
        await closing
        kinds = {type(result) for result in results[1:]}
        assert kinds == {Unavailable if abandon else np.ndarray}

    run(test())


def test_the_observer_sees_each_slice_with_its_results() -> None:
    """What was run is reported once, off the event loop."""
    seen: list[tuple[list[int], list[int], str]] = []

    def observe(ran: Array, results: Array) -> None:
        seen.append((ran.tolist(), results.tolist(), threading.current_thread().name))

    async def test() -> None:
        batcher = batching(Runner(), observe=observe)
        await ask(batcher, items(1, 2))
        await batcher.close()

    run(test())
    assert seen == [([1, 2], [2, 4], "batcher")]


def test_callers_of_one_turn_of_the_loop_run_together() -> None:
    """The first of them does not wake the thread for itself alone."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner)
        results = await asyncio.gather(*[ask(batcher, items(i)) for i in range(16)])
        assert [result.tolist() for result in results] == [[2 * i] for i in range(16)]
        assert len(runner.slices) == 1
        last = ask(batcher, items(7))
        await asyncio.sleep(0)
        await batcher.close()
        assert (await last).tolist() == [14]

    run(test())


def test_many_images_go_by_turns_with_few() -> None:
    """With a quantum of one, a single item is in the next slice, whoever else waits."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner, slice_items=4, quantum=1)
        first = await hold(runner, batcher)
        large = [ask(batcher, np.arange(100 * i, 100 * i + 40)) for i in range(1, 4)]
        small = ask(batcher, items(7))
        await asyncio.sleep(0)
        runner.gate.set()
        await asyncio.gather(first, *large, small)
        assert runner.slices[1] == [100, 200, 300, 7]
        await batcher.close()

    run(test())


def test_a_large_caller_that_runs_out_of_time_goes_first() -> None:
    """What was let in is answered: its rest is run before others take its last seconds."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner, seconds=0.1, slice_items=4, quantum=1, deadline_s=10)
        first = await hold(runner, batcher)
        hurried = Context()
        hurried.arrived_s -= 6.0  # 4 s are left for 3 s of work
        large = ask(batcher, np.arange(100, 130), hurried)
        small = [ask(batcher, items(i)) for i in range(1, 9)]
        await asyncio.sleep(0)
        runner.gate.set()
        await asyncio.gather(first, large, *small)
        assert runner.slices[1] == [100, 101, 102, 103]
        await batcher.close()

    run(test())


def test_what_cannot_be_answered_in_time_is_refused_at_once() -> None:
    """By seconds of work that wait: with an honest time to come back, and under its reason."""
    shed: list[tuple[str, int]] = []

    async def test() -> None:
        runner = Runner()
        tally = Tally(shed=lambda reason, count: shed.append((reason, count)))
        batcher = batching(runner, seconds=1.0, slice_items=4, quantum=1, tally=tally)
        first = await hold(runner, batcher)
        waiting = ask(batcher, items(1, 2, 3, 4, 5, 6))
        with pytest.raises(Unavailable, match="within 10 s") as refusal:
            await ask(batcher, items(7, 8, 9))
        assert refusal.value.headers == (("Retry-After", "1"),)
        with pytest.raises(Unavailable):
            batcher.expect(within(2.0))
        batcher.expect(Context())
        runner.gate.set()
        await asyncio.gather(first, waiting)
        await batcher.close()

    run(test())
    assert shed == [("deadline", 3), ("deadline", 1)]


def test_a_batch_that_never_can_be_answered_is_told_the_largest_that_can() -> None:
    """Also on an idle server, and for the caller's own limit."""

    async def test() -> None:
        batcher = batching(Runner(), seconds=1.0, slice_items=4)
        assert batcher.admission.most_items == 8
        with pytest.raises(TooManyImages, match="up to 8 in one request"):
            await ask(batcher, np.arange(9))
        with pytest.raises(TooManyImages, match="up to 4 in one request"):
            await ask(batcher, np.arange(8), within(5.0))
        with pytest.raises(DeadlineExceeded, match="an image takes 1 s"):
            await ask(batcher, items(1), within(0.5))
        await batcher.close()

    run(test())


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_few_images_are_let_in_beside_many(turns: int) -> None:
    """A caller of eight seconds of work is no reason to refuse one whose turn comes first.

    Not in the loop's same turn either, when the batcher's thread has not yet seen the large one.
    """

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner, seconds=0.1, slice_items=4, quantum=1)
        first = await hold(runner, batcher)
        large = ask(batcher, np.arange(100, 175))
        for _ in range(turns):
            await asyncio.sleep(0)
        small = ask(batcher, items(7), within(2.0))
        await asyncio.sleep(0)
        runner.gate.set()
        assert (await small).tolist() == [14]
        await asyncio.gather(first, large)
        await batcher.close()

    run(test())


def test_a_client_that_left_gives_its_place_up_at_once() -> None:
    """What waits counts no longer; what runs already is finished and answered."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner, quantum=1, slice_items=4)
        running, waiting = Context(), Context()
        runner.gate.clear()
        first = ask(batcher, items(1), running)
        await asyncio.to_thread(runner.began.wait, 10)
        second = ask(batcher, np.arange(50, 60), waiting)
        await asyncio.sleep(0)
        assert batcher.waiting == 11
        for context in (running, waiting):
            context.leave()
        with pytest.raises(ClientLeft):
            await second
        assert batcher.waiting == 1
        with pytest.raises(ClientLeft):
            await ask(batcher, items(9), waiting)
        runner.gate.set()
        assert (await first).tolist() == [2]
        assert runner.slices == [[1]]
        await batcher.close()

    run(test())


def test_a_request_learns_where_its_time_went() -> None:
    """In the queue and in the run, for whoever writes the log."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner)
        first = await hold(runner, batcher)
        context = Context()
        second = ask(batcher, items(1, 2), context)
        await asyncio.sleep(0.01)
        runner.gate.set()
        await asyncio.gather(first, second)
        assert context.images == 2
        assert context.queue_s > 0.01
        assert context.run_s > 0
        await batcher.close()

    run(test())


def test_a_run_that_never_returns_is_noticed() -> None:
    """While it lasts; an idle thread hangs never."""

    async def test() -> None:
        runner = Runner()
        batcher = batching(runner)
        assert not batcher.hangs(after_s=0.0)
        first = await hold(runner, batcher)
        await asyncio.sleep(0.05)
        assert batcher.hangs(after_s=0.04)
        assert not batcher.hangs(after_s=60)
        runner.gate.set()
        await first
        await batcher.close()

    run(test())


def within(seconds: float) -> Context:
    """A caller with a limit of its own."""
    context = Context()
    context.limit_s = seconds
    return context
