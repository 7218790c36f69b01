"""Counts that add up across workers: one row of shared memory each, written without locks.

A row is written by its own worker only and read by whoever is asked, so every worker gives the
same view. A worker that is started again goes on with the row of the one that died.
"""

import mmap
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

_NUMBER = 8  # bytes of a float64
CLASSES = 1000  # class indexes counted one by one
DRIFT_PLACES = 1 + 5 * 16 + CLASSES  # images; bins of five histograms at most; predicted classes

ROUTES = (
    "/predict",
    "/invocations",
    "/v2/models/{name}/infer",
    "/v2",
    "/metrics",
    "/model",
    "/drift",
    "/feedback",
    "/health",
    "/",
    "other",
)
STATUSES = (
    *("200", "304", "400", "401", "404", "405", "408", "413", "414", "415", "431"),
    *("500", "503", "504"),
)
ROLES = ("primary", "challenger")
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLICE_IMAGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
LOADED = ("model_loads_total", "primary")  # a worker loads its primary last: it has all models
CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True, kw_only=True)
class Family:
    """Numbers of one name; one for each combination of label values."""

    name: str
    kind: str  # counter, gauge, histogram, version (12 hex digits as a number) or hidden
    text: str
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    bounds: tuple[float, ...] = ()
    cells: int = 1  # of each key of a hidden family

    @property
    def keys(self) -> list[tuple[str, ...]]:
        return list(product(*[values for _, values in self.labels]))

    @property
    def width(self) -> int:
        """Numbers a key takes: a histogram has its buckets, the one above them, and the sum."""
        return len(self.bounds) + 2 if self.kind == "histogram" else self.cells


_ROUTE = ("route", ROUTES)
_ROLE = ("role", ROLES)
_CLASS = ("class", (*map(str, range(CLASSES)), "other"))

FAMILIES = (
    Family(name="requests_total", kind="counter", text="Requests answered, by route and status.",
           labels=(_ROUTE, ("status", STATUSES))),
    Family(name="request_seconds", kind="histogram", labels=(_ROUTE,), bounds=SECONDS,
           text="From the whole request to its reply."),
    Family(name="refused_total", kind="counter", text="Requests refused, by status.",
           labels=(("status", STATUSES[2:]),)),
    Family(name="images_total", kind="counter", text="Images run.", labels=(_ROLE,)),
    Family(name="batch_images", kind="histogram", text="Images in one run.", labels=(_ROLE,),
           bounds=SLICE_IMAGES),
    Family(name="predicted_total", kind="counter", text="Images by their most probable class.",
           labels=(_ROLE, _CLASS)),
    Family(name="confidence", kind="histogram", text="Probability of the most probable class.",
           labels=(_ROLE,), bounds=CONFIDENCES),
    Family(name="queue_images", kind="gauge", labels=(_ROLE,),
           text="Images without an answer yet."),
    Family(name="connections", kind="gauge", text="Open connections."),
    Family(name="model_loads_total", kind="counter", text="Models loaded.", labels=(_ROLE,)),
    Family(name="model_load_failures_total", kind="counter",
           text="Model files refused; the old model stayed.", labels=(_ROLE,)),
    Family(name="model_version", kind="version", labels=(_ROLE,),
           text="Workers by the model version that they serve."),
    Family(name="ready_workers", kind="gauge", text="Workers that are ready."),
    Family(name="drift", kind="hidden", cells=4 * DRIFT_PLACES,
           text="What serving.lifecycle.drift makes its indexes of."),
    Family(name="shadow_images_total", kind="counter",
           text="Images that the challenger answered too, beside the primary.",
           labels=(("outcome", ("agreed", "disagreed", "dropped", "failed")),)),
    Family(name="feedback_images", kind="gauge", text="Images in the feedback inbox."),
    Family(name="feedback_bytes", kind="gauge", text="Bytes in the feedback inbox."),
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Where each number stands in a row."""

    families: tuple[Family, ...] = FAMILIES
    offsets: dict[tuple[str, tuple[str, ...]], int] = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        offsets, size = {}, 0
        for family in self.families:
            for key in family.keys:
                offsets[family.name, key] = size
                size += family.width
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "size", size)


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

    def total(self) -> list[float]:
        """Add up the rows."""
        return [float(sum(column)) for column in zip(*self.rows(), strict=True)]

    def touched_by_all(self, name: str, *key: str) -> bool:
        """Whether this number is above 0 in every row."""
        at = self.layout.offsets[name, key]
        return all(self.row(worker)[at] > 0 for worker in range(self._rows))

    def rows(self) -> list[list[float]]:
        return [list(self.row(worker)) for worker in range(self._rows)]


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
    row: "memoryview[float]"
    at: int
    bounds: Sequence[float]

    def observe(self, value: float) -> None:
        self.row[self.at + bisect_left(self.bounds, value)] += 1
        self.row[self.at + len(self.bounds) + 1] += value

    def add_counts(self, counts: Sequence[int], total: float) -> None:
        """Add values that are already sorted into buckets, and their sum."""
        for bucket, count in enumerate(counts):
            if count:
                self.row[self.at + bucket] += count
        self.row[self.at + len(self.bounds) + 1] += total


@dataclass(slots=True, frozen=True)
class Recorder:
    """One worker's pen."""

    sheet: Sheet
    worker: int

    def counter(self, name: str, *key: str) -> Counter:
        return Counter(self.sheet.row(self.worker), self.sheet.layout.offsets[name, key])

    def clear_gauges(self) -> None:
        """Show nothing of a worker that is no more; what it counted stays."""
        for family in self.sheet.layout.families:
            for key in family.keys if family.kind in {"gauge", "version"} else ():
                self.counter(family.name, *key).set(0)

    def histogram(self, name: str, *key: str) -> Histogram:
        bounds = next(family.bounds for family in self.sheet.layout.families if family.name == name)
        return Histogram(self.sheet.row(self.worker), self.sheet.layout.offsets[name, key], bounds)
