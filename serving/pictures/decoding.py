"""Pictures → images: small ones at once, others in threads, by turns, large ones one at a time.

A request with many pictures gives its thread away after each slice of time, so that the next
small picture waits for a slice, not for the whole batch. What takes long, by its size or by
experience, goes to the lane of the large ones: no thread of the others is held up by it.
"""

import asyncio
import struct
import time
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from math import prod
from typing import NamedTuple, TypeVar

import numpy as np

from contract.arrays import Images
from serving.errors import DeadlineExceeded, ServingError, TooLarge
from serving.pictures.fitting import Pixels, Way, fitted
from serving.pictures.lanes import LargeLane, SmallLane
from serving.pictures.weight import Weight, weight_of
from serving.wire.budget import Budget

Outcome = Pixels | ServingError
T = TypeVar("T")

_THREADS = 2
_MOST_WAITING = 64  # requests
_MOST_LARGE_WAITING = 16
_PNG_SIZE = struct.Struct(">16x2L")  # signature, chunk length and type; then width, height
_INLINE_PIXELS = 128 * 128  # decoded on the event loop in well under a millisecond
_INLINE_BYTES = 32 << 10
_SLICE_S = 0.02
_LONG_S = 0.1  # of a slice: its request goes on in the lane of the large ones
_FIRST_BYTES = 1 << 20  # of decoding: taken before the first head has been read
_UNCOUNTED_BYTES = 1 << 20  # of images: less than their files, as a rule


class _Slice(NamedTuple):
    """What one turn gave, whether it took long, and the weight that ended it, if one did."""

    outcomes: list[Outcome]
    took_long: bool = False
    heavy: Weight | None = None


class Decoders:
    """Belongs to the running event loop; `budget` is the memory that all connections share."""

    def __init__(self, budget: Budget, *, deadline_s: float) -> None:
        self._budget = budget
        self._deadline_s = deadline_s
        self._small = SmallLane(budget, threads=_THREADS, most_waiting=_MOST_WAITING)
        self._large = LargeLane(budget, most_waiting=_MOST_LARGE_WAITING)

    async def decode(self, pictures: Sequence[bytes | ServingError], way: Way) -> Images:
        """(N, C, H, W); raises what `fitted` raises, naming the image, or as decode_each does."""
        way.check_channels()
        if len(pictures) == 1 and isinstance(pictures[0], bytes) and _is_small(pictures[0]):
            return fitted(pictures[0], way)[np.newaxis]
        images = await self._room_for(len(pictures), way)
        index = 0
        async for outcome in self._outcomes(pictures, way, to_the_end=False):
            if isinstance(outcome, ServingError):
                raise _named(outcome, index) if len(pictures) > 1 else outcome
            images[index] = outcome
            index += 1
        return images

    async def decode_each(
        self, pictures: Sequence[bytes | ServingError], way: Way
    ) -> list[Outcome]:
        """For each its pixels, or what is wrong with it; raises Unavailable, DeadlineExceeded."""
        way.check_channels()
        images = await self._room_for(len(pictures), way)
        done: list[Outcome] = []
        async for outcome in self._outcomes(pictures, way, to_the_end=True):
            if isinstance(outcome, ServingError):
                done.append(outcome)
            else:
                images[len(done)] = outcome
                done.append(images[len(done)])
        return done

    async def _room_for(self, count: int, way: Way) -> Images:
        """Give an array whose memory is counted until nobody has it any more."""
        size = count * prod(way.shape)
        if size <= _UNCOUNTED_BYTES:
            return np.empty((count, *way.shape), np.uint8)
        await self._budget.take(size)
        images = np.empty((count, *way.shape), np.uint8)
        loop = asyncio.get_running_loop()
        weakref.finalize(images, _call_in, loop, partial(self._budget.give_back, size))
        return images

    async def _outcomes(
        self, pictures: Sequence[bytes | ServingError], way: Way, *, to_the_end: bool
    ) -> AsyncIterator[Outcome]:
        """One for each picture, in order; without `to_the_end` a fault is the last one."""
        last_s = time.monotonic() + self._deadline_s
        granted_bytes = min(_FIRST_BYTES, self._budget.limit_bytes)
        done, took_long = 0, False
        while done < len(pictures):
            if time.monotonic() > last_s:
                raise DeadlineExceeded(f"the pictures took longer than {self._deadline_s:g} s")
            work = partial(_slice, pictures, done, way, granted_bytes, to_the_end=to_the_end)
            if took_long:
                turn = await self._in_large(work, granted_bytes, last_s)
            else:
                turn = await self._small.run(work, cost_bytes=granted_bytes)
            outcomes, took_long = turn.outcomes, took_long or turn.took_long
            if turn.heavy and self._needs_its_turn(turn.heavy):
                alone = partial(_outcome, pictures[done + len(outcomes)], way)
                outcomes.append(await self._decoded_large(alone, turn.heavy.cost_bytes, last_s))
            elif turn.heavy:
                granted_bytes = turn.heavy.cost_bytes
            done += len(outcomes)
            for outcome in outcomes:
                yield outcome
            if not to_the_end and outcomes and isinstance(outcomes[-1], ServingError):
                return

    def _needs_its_turn(self, weight: Weight) -> bool:
        return weight.is_large or weight.cost_bytes > self._budget.limit_bytes

    async def _decoded_large(
        self, work: Callable[[], Outcome], cost_bytes: int, last_s: float
    ) -> Outcome:
        try:
            return await self._in_large(work, cost_bytes, last_s)
        except TooLarge as error:
            return error

    async def _in_large(self, work: Callable[[], T], cost_bytes: int, last_s: float) -> T:
        patience_s = max(0.0, last_s - time.monotonic())
        return await self._large.run(work, cost_bytes=cost_bytes, patience_s=patience_s)


def _slice(
    pictures: Sequence[bytes | ServingError],
    start: int,
    way: Way,
    granted_bytes: int,
    *,
    to_the_end: bool,
) -> _Slice:
    """Decode from `start` on until the time is up, or a heavy one or (where it matters) a fault."""
    start_s = time.monotonic()
    outcomes: list[Outcome] = []
    for picture in pictures[start:]:
        weight = weight_of(picture, way) if isinstance(picture, bytes) else None
        if weight and (weight.is_large or weight.cost_bytes > granted_bytes):
            return _Slice(outcomes, heavy=weight)
        outcomes.append(_outcome(picture, way))
        if time.monotonic() > start_s + _SLICE_S:
            break
        if not to_the_end and isinstance(outcomes[-1], ServingError):
            break
    return _Slice(outcomes, took_long=time.monotonic() > start_s + _LONG_S)


def _outcome(picture: bytes | ServingError, way: Way) -> Outcome:
    if isinstance(picture, ServingError):
        return picture
    try:
        return fitted(picture, way)
    except ServingError as error:
        return error


def _call_in(loop: asyncio.AbstractEventLoop, done: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # the loop is closed: the server is gone
        loop.call_soon_threadsafe(done)


def _named(error: ServingError, index: int) -> ServingError:
    return type(error)(f"image {index}: {error}")


def _is_small(picture: bytes) -> bool:
    """Whether a PNG says of itself that it is quickly decoded."""
    if not picture.startswith(b"\x89PNG") or not _PNG_SIZE.size <= len(picture) <= _INLINE_BYTES:
        return False
    width, height = _PNG_SIZE.unpack_from(picture)
    return bool(width * height <= _INLINE_PIXELS)
