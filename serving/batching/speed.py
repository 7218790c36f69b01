"""Seconds that 1 … n items take: measured once, then kept current by the runs themselves."""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping

_NEARLY = 0.92  # of the best throughput is as good as it
_SHORT_S = 0.005  # a run so short holds nobody up, whatever it holds
_LEARNED = 0.2  # at most, of the difference between a run and what was expected of it
_OVER_S = 2.0  # it is a mean over so long: callers wait for many runs, not for the next one
_LEAST_S = 0.01  # that a run stands for: of many short ones only some are looked at
_MOST_OFF = 2.0  # times as long as expected: a machine that slept tells nothing of the model
_GAIN = 1.03  # in throughput, for which a further doubling is worth a look
_IN_VAIN = 2  # doublings without it
_REPEAT_S = 0.1  # of one size: short runs are timed again, and the shortest counts
_REPEATS = 4

Run = Callable[[int], object]  # runs so many items


class Speed:
    """Give seconds for any number of items; those between two measured sizes in proportion.

    `observe` is called by one thread; the others may read meanwhile.
    """

    def __init__(self, seconds: Mapping[int, float], *, slice_items: int) -> None:
        """`seconds` by the number of items, at least for 1; runs hold up to `slice_items`."""
        self.slice_items = slice_items
        self._sizes = sorted(size for size in seconds if size <= slice_items)
        self._seconds = [seconds[size] for size in self._sizes]

    @property
    def alone_s(self) -> float:
        """Of one item: more than an item takes in company."""
        return self._seconds[0]

    def of_run(self, items: int) -> float:
        """Seconds of one run."""
        sizes, seconds = self._sizes, self._seconds
        at = bisect_left(sizes, items)
        if at == len(sizes):
            return seconds[-1] * items / sizes[-1]
        if at == 0:
            return seconds[0] * items / sizes[0]
        part = (items - sizes[at - 1]) / (sizes[at] - sizes[at - 1])
        return seconds[at - 1] + part * (seconds[at] - seconds[at - 1])

    def of_work(self, items: int) -> float:
        """Seconds of as many runs as so many items take."""
        runs, rest = divmod(items, self.slice_items)
        return runs * self.of_run(self.slice_items) + (self.of_run(rest) if rest else 0.0)

    def items_within(self, seconds: float) -> int:
        """The most items whose work takes no longer."""
        runs = int(seconds / self.of_run(self.slice_items))
        items = runs * self.slice_items
        while self.of_work(items + 1) <= seconds:
            items += 1
        return items

    def observe(self, items: int, seconds: float) -> None:
        """Learn from a run: each of the two sizes around it, the more the nearer it is."""
        expected = self.of_run(items)
        off = min(_MOST_OFF, max(1 / _MOST_OFF, seconds / expected)) - 1
        change = 1 + off * min(_LEARNED, max(seconds, _LEAST_S) / _OVER_S)
        at = min(bisect_left(self._sizes, items), len(self._sizes) - 1)
        self._seconds[at] *= change
        if at and items < self._sizes[at]:
            self._seconds[at - 1] *= change


def measured(run: Run, *, most: int, patience_s: float) -> dict[int, float]:
    """Time 1, 2, 4 … `most` items; ends early where more gain nothing or take too long."""
    start_s = time.perf_counter()
    found = {1: _shortest(run, 1)}
    size, in_vain = 1, 0
    while size < most and in_vain < _IN_VAIN:
        if time.perf_counter() - start_s + 2 * found[size] > patience_s:
            break
        before, size = size, min(2 * size, most)
        found[size] = _shortest(run, size)
        gained = size / found[size] > _GAIN * before / found[before]
        in_vain = 0 if gained or found[size] < _SHORT_S else in_vain + 1
    return found


def _shortest(run: Run, size: int) -> float:
    took_s: list[float] = []
    while len(took_s) < _REPEATS and sum(took_s) < _REPEAT_S:
        start_s = time.perf_counter()
        run(size)
        took_s.append(time.perf_counter() - start_s)
    return min(took_s)


def slice_of(seconds: Mapping[int, float], *, longest_s: float) -> int:
    """Choose how many items one run holds at most.

    The fewest that have nearly the best throughput; more while even those take no time to speak
    of; fewer where such a run would take longer than `longest_s`.
    """
    allowed = [size for size in seconds if seconds[size] <= longest_s] or [min(seconds)]
    best = max(size / seconds[size] for size in allowed)
    chosen = min(size for size in allowed if size / seconds[size] >= _NEARLY * best)
    return max([chosen, *(size for size in allowed if seconds[size] <= _SHORT_S)])


def quantum_of(seconds: Mapping[int, float], *, slice_items: int) -> int:
    """Choose how many items a caller gets into a slice before the next one's turn."""
    return max(
        [1, *(size for size in seconds if size <= slice_items and seconds[size] <= _SHORT_S)]
    )
