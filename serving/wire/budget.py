"""Memory for what connections hold, of one worker: bodies, pictures in work, unsent replies.

It is taken before it is used. Where it is short, takers stand in line: first come, first served,
and a connection has one place in it. Small bodies pass the line and may go an eighth over the
limit, so that a few large ones do not keep everyone out.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from serving.errors import TooLarge, Unavailable

_SMALL_BYTES = 1 << 20


@dataclass(slots=True, eq=False)
class Turn:
    """A place in the line."""

    count: int
    granted: Callable[[], None]


@dataclass(slots=True)
class Budget:
    """Belongs to one event loop."""

    limit_bytes: int
    patience_s: float = 5.0  # in the line, before the refusal
    held_bytes: int = 0
    _line: deque[Turn] = field(default_factory=deque)

    def try_take(self, count: int) -> bool:
        """Take it if it is there, and nobody has waited longer."""
        if not self._fits(count) or (self._line and count > _SMALL_BYTES):
            return False
        self.held_bytes += count
        return True

    def take_anyway(self, count: int) -> None:
        """Count what is here already: others wait for it to go."""
        self.held_bytes += count

    def give_back(self, count: int) -> None:
        self.held_bytes -= count
        if self._line:
            self._serve()

    def wait(self, count: int, granted: Callable[[], None], *, first: bool = False) -> Turn:
        """Stand in line; `granted` is called when `count` bytes have been taken."""
        turn = Turn(count, granted)
        if first:
            self._line.appendleft(turn)
        else:
            self._line.append(turn)
        return turn

    def leave(self, turn: Turn) -> None:
        self._line.remove(turn)
        self._serve()

    async def take(self, count: int) -> None:
        """Take it for a request that holds memory already, so before those who have none.

        Raises TooLarge for what never fits, Unavailable for what does not in time.
        """
        self.check(count)
        if self._fits(count):
            self.held_bytes += count
            return
        room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        turn = self.wait(count, lambda: room.set_result(None), first=True)
        try:
            await asyncio.wait_for(asyncio.shield(room), self.patience_s)
        except BaseException as error:
            if room.done():
                self.give_back(count)
            else:
                room.cancel()
                self.leave(turn)
            if isinstance(error, TimeoutError):
                raise Unavailable("too much is held in memory just now: try again later") from None
            raise

    def check(self, count: int) -> None:
        """Raise TooLarge for what never fits."""
        if count > self.limit_bytes:
            raise TooLarge(
                f"decoding takes {count} bytes (10 for a pixel), up to {self.limit_bytes} are "
                "there: send fewer or smaller pictures, or JPEGs"
            )

    def _fits(self, count: int) -> bool:
        over = self.limit_bytes // 8 if count <= _SMALL_BYTES else 0
        return not self.held_bytes or self.held_bytes + count <= self.limit_bytes + over

    def _serve(self) -> None:
        while self._line and self._fits(self._line[0].count):
            turn = self._line.popleft()
            self.held_bytes += turn.count
            turn.granted()
