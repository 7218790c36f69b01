"""Counts that add up across workers: one row of shared memory each, written without locks.

A row is written by its own worker only and read by whoever is asked, so every worker gives the
same view. A worker that is started again goes on with the row of the one that died. Within it the
server's numbers come first, then those of each model, one model after the other.
"""

import mmap
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from serving.counts.families import OF_MODEL, OF_SERVER, ROLES, Family

_NUMBER = 8  # bytes of a float64


@dataclass(frozen=True)
class Layout:
    """Where each number stands in a row: its place, by the name and the key of its family."""

    models: tuple[str, ...] = ROLES  # who has a row of its own, as the label `role`
    families: dict[str, Family] = field(init=False)
    places: dict[tuple[str, tuple[str, ...]], slice] = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        label = ("role", self.models)
        own = {one.name: replace(one, labels=(label, *one.labels)) for one in OF_MODEL}
        keys = [(one.name, key) for one in OF_SERVER for key in one.keys]
        for model in self.models:
            keys += [(one.name, (model, *key)) for one in OF_MODEL for key in one.keys]
        families = {one.name: one for one in OF_SERVER} | own
        places, size = {}, 0
        for name, key in keys:
            end = size + families[name].width
            places[name, key] = slice(size, end)
            size = end
        for name, value in (("families", families), ("places", places), ("size", size)):
            object.__setattr__(self, name, value)


class Sheet:
    """The rows of all workers; make it before forking."""

    def __init__(self, workers: int, layout: Layout | None = None) -> None:
        self.layout = layout or Layout()
        self._rows = workers
        self._memory = memoryview(mmap.mmap(-1, workers * self.layout.size * _NUMBER)).cast("d")

    def row(self, worker: int) -> "memoryview[float]":
        """Return the numbers that `worker` alone writes."""
        return self._memory[worker * self.layout.size : (worker + 1) * self.layout.size]

    @property
    def workers(self) -> int:
        return self._rows

    def cells(self, worker: int, name: str, *key: str) -> "memoryview[float]":
        """Return the numbers of one place, where they stand, in their family's shape."""
        place = self.row(worker)[self.layout.places[name, key]]
        shape = self.layout.families[name].shape
        return place.cast("B").cast("d", shape) if len(shape) > 1 else place

    def total(self, name: str, *key: str) -> float:
        """Add up the rows at a place of one number."""
        return sum(self.cells(worker, name, *key)[0] for worker in range(self._rows))

    def totals(self) -> list[float]:
        """Add up the rows at every place, so that slices of it are as those of a row."""
        rows = [self.row(worker).tolist() for worker in range(self._rows)]
        return [sum(column) for column in zip(*rows, strict=True)]

    def touched_by_all(self, name: str, *key: str) -> bool:
        """Whether this number is above 0 in every row."""
        return all(self.cells(worker, name, *key)[0] > 0 for worker in range(self._rows))


@dataclass(slots=True, frozen=True)
class Counter:
    """One number of a row; also for gauges."""

    row: "memoryview[float]"
    at: int

    def add(self, amount: float = 1.0) -> None:
        self.row[self.at] += amount

    def set(self, value: float) -> None:
        self.row[self.at] = value

    @property
    def value(self) -> float:
        return float(self.row[self.at])


@dataclass(slots=True, frozen=True)
class Histogram:
    cells: "memoryview[float]"  # a bucket for each bound, one above them, the sum
    bounds: Sequence[float]

    def observe(self, value: float) -> None:
        self.cells[bisect_left(self.bounds, value)] += 1
        self.cells[len(self.bounds) + 1] += value

    def add_counts(self, counts: Sequence[int], total: float) -> None:
        """Add values that are already sorted into buckets, and their sum."""
        for bucket, count in enumerate(counts):
            if count:
                self.cells[bucket] += count
        self.cells[len(self.bounds) + 1] += total


@dataclass(slots=True, frozen=True)
class Recorder:
    """One worker's pen."""

    sheet: Sheet
    worker: int

    def counter(self, name: str, *key: str) -> Counter:
        return Counter(self.sheet.row(self.worker), self.sheet.layout.places[name, key].start)

    def histogram(self, name: str, *key: str) -> Histogram:
        bounds = self.sheet.layout.families[name].bounds
        return Histogram(self.sheet.cells(self.worker, name, *key), bounds)

    def clear_gauges(self) -> None:
        """Show nothing of a worker that is no more; what it counted stays."""
        layout = self.sheet.layout
        for name, key in layout.places:
            if layout.families[name].kind in {"gauge", "version", "mark"}:
                self.counter(name, *key).set(0)
