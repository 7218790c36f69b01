"""Turns among pictures: large ones one at a time and paid for, small ones between all others."""

import asyncio
import io
import threading
from collections.abc import Callable, Sequence

import pytest
from PIL import Image

from contract.reading.rules import current
from serving.errors import BadRequest, DeadlineExceeded, ServingError, TooLarge, Unavailable
from serving.pictures import decoding
from serving.pictures.decoding import Decoders
from serving.pictures.fitting import Pixels, Way
from serving.pictures.lanes import LargeLane, SmallLane
from serving.wire.budget import Budget

WAY = Way(rules=current(), shape=(1, 28, 28))


def png(side: int, level: int = 0) -> bytes:
    with io.BytesIO() as file:
        Image.new("L", (side, side), level).save(file, "PNG")
        return file.getvalue()


def test_a_batch_comes_back_in_order() -> None:
    """Small and large ones mixed: each in its place, and the memory given back."""
    sides = [28, 300, 2000, 30, 1800, 28]
    budget = Budget(64 << 20)

    async def run() -> Pixels:
        decoders = Decoders(budget, deadline_s=30)
        images = await decoders.decode([png(side, 9 * at) for at, side in enumerate(sides)], WAY)
        await asyncio.sleep(0)  # the last turn ends
        return images

    images = asyncio.run(run())
    assert [int(image.max()) for image in images] == [9 * at for at in range(len(sides))]
    assert budget.held_bytes == 0


def test_what_never_fits_is_413_with_the_sum() -> None:
    """2000 by 2000 at 10 bytes each, of 30 MB."""
    decoders_budget = Budget(30_000_000)

    async def run() -> None:
        await Decoders(decoders_budget, deadline_s=30).decode([png(2000)], WAY)

    with pytest.raises(TooLarge, match=r"takes 40000000 bytes .* up to 30000000"):
        asyncio.run(run())
    assert decoders_budget.held_bytes == 0


def test_what_does_not_fit_now_is_503() -> None:
    """Bodies hold the memory: the same picture passes later."""
    budget = Budget(64 << 20, patience_s=0.05)
    budget.take_anyway(40 << 20)

    async def run() -> Pixels:
        decoders = Decoders(budget, deadline_s=30)
        with pytest.raises(Unavailable):
            await decoders.decode([png(2000)], WAY)
        budget.give_back(40 << 20)
        return await decoders.decode([png(2000)], WAY)

    assert asyncio.run(run()).shape == (1, 1, 28, 28)


def test_each_gives_errors_their_places() -> None:
    """413 of one is no reason to refuse the others."""

    async def run() -> Sequence[object]:
        decoders = Decoders(Budget(30_000_000), deadline_s=30)
        fault = BadRequest("no base64")
        given: list[bytes | ServingError] = [png(28), png(2000), fault, png(28)[:20], png(300)]
        return await decoders.decode_each(given, WAY)

    kinds = [type(one).__name__ for one in asyncio.run(run())]
    assert kinds == ["ndarray", "TooLarge", "BadRequest", "BadRequest", "ndarray"]


def test_a_small_picture_passes_a_batch_that_is_being_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both threads are busy with batches: a newcomer waits for a slice, not for their ends."""
    monkeypatch.setattr(decoding, "_SLICE_S", 0.0)  # one picture a turn
    finished: list[str] = []

    async def run() -> None:
        decoders = Decoders(Budget(1 << 30), deadline_s=60)

        async def ask(name: str, pictures: list[bytes]) -> None:
            await decoders.decode(pictures, WAY)
            finished.append(name)

        batches = [asyncio.create_task(ask(f"batch {n}", [png(400)] * 200)) for n in range(2)]
        await asyncio.sleep(0)
        await asyncio.gather(ask("small", [png(300)]), *batches)

    asyncio.run(run())
    assert finished[0] == "small"


def test_pictures_that_take_too_long_end_in_504() -> None:
    """The deadline holds between slices."""

    async def run() -> None:
        await Decoders(Budget(1 << 30), deadline_s=0.0).decode([png(300)] * 3, WAY)

    with pytest.raises(DeadlineExceeded):
        asyncio.run(run())


def gated() -> tuple[Callable[[], int], threading.Event, threading.Event]:
    """Work that waits for the gate and gives how many were in it at once; then: someone is."""
    gate, entered, inside = threading.Event(), threading.Event(), [0, 0]

    def work() -> int:
        inside[0] += 1
        inside[1] = max(inside)
        entered.set()
        gate.wait(10)
        inside[0] -= 1
        return inside[1]

    return work, gate, entered


def test_large_ones_run_one_at_a_time_also_when_a_client_hangs_up() -> None:
    """A turn lasts until its thread is done, and so does its charge."""
    work, gate, entered = gated()
    budget = Budget(100)

    async def run() -> int:
        lane = LargeLane(budget, most_waiting=9)
        left = asyncio.create_task(lane.run(work, cost_bytes=60, patience_s=9))
        await asyncio.to_thread(entered.wait, 10)
        left.cancel()
        following = asyncio.create_task(lane.run(work, cost_bytes=60, patience_s=9))
        for _ in range(5):
            await asyncio.sleep(0)
        assert budget.held_bytes == 60
        gate.set()
        return await following

    assert asyncio.run(run()) == 1


def test_a_turn_that_does_not_come_ends_in_504() -> None:
    """Who waits behind a large picture waits for the deadline at most, and leaves no trace."""
    work, gate, entered = gated()
    budget = Budget(100)

    async def run() -> int:
        lane = LargeLane(budget, most_waiting=9)
        first = asyncio.create_task(lane.run(work, cost_bytes=60, patience_s=9))
        await asyncio.to_thread(entered.wait, 10)
        with pytest.raises(DeadlineExceeded):
            await lane.run(work, cost_bytes=60, patience_s=0.0)
        gate.set()
        await first
        return await lane.run(work, cost_bytes=60, patience_s=9)

    assert asyncio.run(run()) == 1


def test_a_line_is_bounded() -> None:
    """More than may wait are turned away; those inside are answered."""
    work, gate, _ = gated()

    async def run() -> list[object]:
        lane = SmallLane(Budget(1 << 20), threads=1, most_waiting=2)
        tasks = [asyncio.create_task(lane.run(work, cost_bytes=1)) for _ in range(4)]
        await asyncio.sleep(0)
        gate.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    kinds = [type(one) for one in asyncio.run(run())]
    assert kinds == [int, int, Unavailable, Unavailable]


def test_one_small_png_needs_no_thread() -> None:
    """The hot path stays on the event loop."""

    async def run() -> int:
        before = threading.active_count()
        await Decoders(Budget(1), deadline_s=1).decode([png(28, 77)], WAY)
        return threading.active_count() - before

    assert asyncio.run(run()) == 0
