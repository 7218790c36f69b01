"""One caller's items on their way through the queue, and what the batcher says of all of them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from serving.context import Context
from serving.errors import ClientLeft

Items = NDArray[Any]  # one item per index of axis 0
Outcome = Items | BaseException | None  # None: the caller has gone
Piece = tuple["Caller", Items]  # the part of one caller's items that runs in one slice


@dataclass(eq=False)
class Caller:
    """Seconds are of time.monotonic. The thread writes `taken`, `began_s` and `results`.

    What has a default stays in the class until it is written: one is made for every request.
    """

    items: Items
    count: int  # of them
    future: asyncio.Future[Items]
    came_s: float
    expires_s: float
    context: Context
    began_s: float = field(default=0.0, init=False)  # when the first of its items began to run
    taken: int = field(default=0, init=False)  # items that already are in a slice
    results: tuple[Items, ...] = field(default=(), init=False)  # of slices before its last
    waits: bool = field(default=True, init=False)  # for its answer: is counted as such

    @property
    def left(self) -> int:
        """Items that are in no slice yet."""
        return self.count - self.taken

    def forget(self) -> None:
        """Let go of the items, wherever the caller still stands in the queue."""
        self.items = self.items[:0]

    def leave(self) -> None:
        """Give up, unless all of it is running: then the answer is a matter of one run."""
        if self.left and not self.future.done():
            self.future.set_exception(ClientLeft("the client closed its side before its turn came"))


def _nothing(*_: object) -> None:
    return


@dataclass(slots=True, frozen=True, kw_only=True)
class Tally:
    """Whom the batcher tells what happens; `ran` is called in its thread, the others in the loop.

    `waiting` how many more items wait for an answer, or how many fewer; `queued` seconds that one
    caller waited for its turn; `answered` seconds from the first runs of callers to their answers;
    `ran` seconds of a run; `shed` why how many items are not run; `work` seconds of work that
    waits.
    """

    waiting: Callable[[int], None] = _nothing
    queued: Callable[[float], None] = _nothing
    answered: Callable[[float], None] = _nothing
    ran: Callable[[float], None] = _nothing
    shed: Callable[[str, int], None] = _nothing
    work: Callable[[float], None] = _nothing
