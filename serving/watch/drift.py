"""Does what is asked still look like what the model learned from? Counted beside the answers.

Each worker sorts the images it has time for into the bins of the training set, whose histograms
stand in the ONNX metadata; the population stability index says how far the two are apart.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from contract import drift
from contract.arrays import Familiarities, Images, Probabilities
from contract.drift import DRIFTED, INPUTS, LEAST, UNKNOWN, Counts, Expectation, Feature
from serving.counts.exposition import escaped
from serving.counts.families import DRIFT_PLACES
from serving.counts.sheet import Recorder, Sheet
from serving.models.model import Facts

WINDOWS = {
    "long": 5000,
    "recent": 500,
}  # images; as many as DRIFT_WINDOWS; a view holds the last one to two windows
SHARE = 0.005  # of the time may go into looking, whatever the load
BURST_S = 0.06  # of looking that may be saved up: some ten thousand small images
MOST = 32  # images of one run that are looked at


@dataclass
class Watch:
    """A batcher's observer: called in its thread, when the answers are on their way."""

    expectation: Expectation
    recorder: Recorder
    model: str  # whose row counts it
    _credit_s: float = BURST_S
    _then_s: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self._windows = _windows(self.recorder.sheet, self.recorder.worker, self.model)
        self._windows[:] = 0  # bins are a model's own

    def __call__(
        self,
        images: Images,
        probabilities: Probabilities,
        familiarity: Familiarities | None = None,
    ) -> None:
        now_s = time.perf_counter()
        self._credit_s = min(BURST_S, self._credit_s + SHARE * (now_s - self._then_s))
        self._then_s = now_s
        if self._credit_s > 0:
            start_s = time.thread_time()  # of this thread: what others take is not looking
            counts = drift.counted(
                self.expectation,
                images[:MOST],
                probabilities[:MOST],
                None if familiarity is None else familiarity[:MOST],
            )
            self._add(counts)
            self._credit_s -= time.thread_time() - start_s

    def _add(self, counts: Counts) -> None:
        workers = self.recorder.sheet.workers
        for (now, before), size in zip(self._windows, WINDOWS.values(), strict=True):
            if now[0] >= size / workers:
                before[:] = now
                now[:] = 0
            now[: len(counts)] += counts


def expectation(facts: Facts) -> Expectation | None:
    """None for a file without reference histograms, or with too many bins."""
    found = drift.expectation(facts.statistics)
    return found if found and found.places <= DRIFT_PLACES else None


def report(sheet: Sheet, facts: Facts, model: str) -> dict[str, Any]:
    """One view over all workers: an index for each feature, None below LEAST images."""
    expected = expectation(facts)
    features = expected.features if expected else ()
    views = dict(zip(WINDOWS, seen_by_all(sheet, model), strict=True))
    indexes = {name: _indexes(features, seen) for name, seen in views.items()}
    told = (*INPUTS, UNKNOWN)
    inputs = [view[name] or 0.0 for view in indexes.values() for name in told if name in view]
    return {
        "model": {"name": facts.name, "version": facts.version},
        "watched": expected is not None,
        "drifted": max(inputs, default=0.0) > DRIFTED,
        "threshold": DRIFTED,
        "least_images": LEAST,
        "images": int(views["long"][0]),
        "indexes": indexes["long"],
        "recent": {"images": int(views["recent"][0]), "indexes": indexes["recent"]},
        "features": {one.name: _plain(one, views["long"]) for one in features},
    }


def gauges(sheet: Sheet, facts: Facts, model: str) -> bytes:
    """The same for Prometheus."""
    found = report(sheet, facts, model)
    own = f'role="{model}",model="{escaped(facts.name)}"'
    lines = [
        "# HELP serving_drift_images Images looked at, in the present window.",
        "# TYPE serving_drift_images gauge",
        f'serving_drift_images{{{own},window="long"}} {found["images"]}',
        f'serving_drift_images{{{own},window="recent"}} {found["recent"]["images"]}',
        "# HELP serving_drift_index Population stability index against the training data.",
        "# TYPE serving_drift_index gauge",
    ]
    for window, indexes in (("long", found["indexes"]), ("recent", found["recent"]["indexes"])):
        for name, index in indexes.items():
            if index is not None:
                labels = f'{own},feature="{name}",window="{window}"'
                lines.append(f"serving_drift_index{{{labels}}} {index:.6g}")
    return ("\n".join(lines) + "\n").encode()


def seen_by_all(sheet: Sheet, model: str) -> Counts:
    """Counts over all workers: (WINDOWS, places)."""
    rows = [_windows(sheet, worker, model).sum(axis=1) for worker in range(sheet.workers)]
    seen: Counts = np.sum(rows, axis=0)
    return seen


def _indexes(features: Iterable[Feature], seen: Counts) -> dict[str, float | None]:
    enough = seen[0] >= LEAST
    return {
        one.name: drift.stability_index(one.expected, seen[one.at]) if enough else None
        for one in features
    }


def _plain(feature: Feature, seen: Counts) -> dict[str, Any]:
    counts = seen[feature.at]
    fractions = counts / max(counts.sum(), 1)
    return {
        "edges": feature.edges,
        "expected": feature.expected.tolist(),
        "seen": fractions.round(6).tolist(),
    }


def _windows(sheet: Sheet, worker: int, model: str) -> Counts:
    """The counts of one worker, where they stand: (WINDOWS, now and before, places)."""
    return np.asarray(sheet.cells(worker, "drift", model))
