"""Whose items run next: all callers by turns, so that none of many items holds up the small ones.

Belongs to the batcher's thread.
"""

from collections import deque
from collections.abc import Iterable

from serving.batching.callers import Caller, Outcome, Piece
from serving.batching.speed import Speed
from serving.errors import DeadlineExceeded, Unavailable

_SPARE = 1.1  # times the seconds that a rest should take, before it has to go first
_SPARE_RUNS = 2  # beside that

Outcomes = list[tuple[Caller, Outcome]]


class Backlog:
    """Each turn gives a caller `quantum` items of a slice. `abandoned`: nobody is run any more."""

    def __init__(self, speed: Speed, *, quantum: int) -> None:
        self._speed = speed
        self._quantum = quantum
        self._line: deque[Caller] = deque()
        self._long: list[Caller] = []  # callers of more items than a slice
        self.abandoned = False

    def __bool__(self) -> bool:
        return bool(self._line)

    def add(self, callers: Iterable[Caller]) -> None:
        for caller in callers:
            self._line.append(caller)
            if caller.count > self._speed.slice_items:
                self._long.append(caller)

    def next_slice(self, now_s: float) -> tuple[list[Piece], Outcomes]:
        """Take the next slice, and the outcomes of those who need no run any more."""
        if self._is_plain(now_s):
            return self._all(now_s), []
        return self._by_turns(now_s)

    def _is_plain(self, now_s: float) -> bool:
        """Whether everyone fits into one slice, is in time and still there: the usual case."""
        if self.abandoned or len(self._line) > self._speed.slice_items:
            return False
        total, late_s = 0, now_s + self._speed.of_run(self._speed.slice_items)
        for caller in self._line:
            total += caller.count
            if caller.taken or caller.expires_s < late_s or caller.future.done():
                return False
        return total <= self._speed.slice_items

    def _all(self, now_s: float) -> list[Piece]:
        pieces: list[Piece] = []
        for caller in self._line:
            caller.taken, caller.began_s = caller.count, now_s
            pieces.append((caller, caller.items))
        self._line.clear()
        return pieces

    def _by_turns(self, now_s: float) -> tuple[list[Piece], Outcomes]:
        taken: dict[Caller, int] = {}  # from which item on: one piece of each caller
        outcomes: Outcomes = []
        room = self._speed.slice_items
        run_s = self._speed.of_run(min(room, self._quantum * max(1, len(self._line))))
        if self._long:
            room -= self._overdue_first(taken, now_s)
        while room and self._line:
            caller = self._line.popleft()
            if not caller.left:
                continue
            if caller not in taken and (
                caller.future.done() or self._is_lost(caller, now_s, run_s)
            ):
                outcomes.append((caller, self._verdict(caller)))
                caller.taken = caller.count
                continue
            room -= self._take(caller, min(self._quantum, room), taken)
            if caller.left:
                self._line.append(caller)
        return [self._piece(caller, start, now_s) for caller, start in taken.items()], outcomes

    def _is_lost(self, caller: Caller, now_s: float, run_s: float) -> bool:
        """Whether its answer would come too late, or to nobody."""
        if self.abandoned:
            return True
        spare_s = caller.expires_s - now_s
        return spare_s < run_s or (
            caller.left > self._speed.slice_items and spare_s < self._speed.of_work(caller.left)
        )

    def _verdict(self, caller: Caller) -> Outcome:
        if caller.future.done():
            return None
        if self.abandoned:
            return Unavailable("the server has shut down")
        return DeadlineExceeded("no answer in time: other work took longer than expected")

    def _overdue_first(self, taken: dict[Caller, int], now_s: float) -> int:
        """Give the slice to those whose rest takes nearly all the time that they have left."""
        self._long = [one for one in self._long if one.left and not one.future.done()]
        self._long.sort(key=_expires_s)
        slice_items, gone = self._speed.slice_items, 0
        ends_s = now_s + _SPARE_RUNS * self._speed.of_run(slice_items)
        for caller in self._long:
            ends_s += _SPARE * self._speed.of_work(caller.left)
            if ends_s > caller.expires_s and gone < slice_items and not self.abandoned:
                gone += self._take(caller, slice_items - gone, taken)
        return gone

    @staticmethod
    def _piece(caller: Caller, start: int, now_s: float) -> Piece:
        caller.began_s = caller.began_s or now_s
        whole = start == 0 and not caller.left
        return caller, caller.items if whole else caller.items[start : caller.taken]

    @staticmethod
    def _take(caller: Caller, most: int, taken: dict[Caller, int]) -> int:
        count = min(caller.left, most)
        taken.setdefault(caller, caller.taken)
        caller.taken += count
        return count


def _expires_s(caller: Caller) -> float:
    return caller.expires_s
