"""A loaded model's queue: how fast the model is, what follows from it, and what is counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from serving.batching.admission import SHARE
from serving.batching.batcher import Batcher
from serving.batching.callers import Tally
from serving.batching.runner import Observe
from serving.batching.speed import Speed, measured, quantum_of, slice_of
from serving.counts.sheet import Recorder
from serving.models.model import Model

_PATIENCE_S = 1.0  # of measuring; a run that was begun may exceed it
_RUNS = 4  # at least in a deadline's planned part: who just missed one is answered by a later one


@dataclass(slots=True, frozen=True, kw_only=True)
class Bounds:
    """What an operator allows: images in a run, in the queue (0: see bytes), seconds, pixels."""

    slice_images: int
    queue_images: int
    deadline_s: float
    queue_bytes: int

    def queue_of(self, model: Model) -> int:
        """Images that may wait; where none are named, as many as their pixels leave room for."""
        return self.queue_images or max(1, self.queue_bytes // model.facts.pixels)


def seconds_of(model: Model, bounds: Bounds) -> dict[int, float]:
    """Measure runs of 1 … n images; takes about a second of a large model, nothing of a small."""
    shape = model.facts.image_shape

    def run(images: int) -> object:
        return model.answer(np.zeros((images, *shape), np.uint8))

    return measured(run, most=bounds.slice_images, patience_s=_PATIENCE_S)


def batcher_of(
    model: Model,
    seconds: Mapping[int, float],
    bounds: Bounds,
    *,
    observe: Observe,
    tally: Tally,
) -> Batcher:
    longest_s = SHARE * bounds.deadline_s / _RUNS
    slice_items = slice_of(seconds, longest_s=longest_s)
    return Batcher(
        model.answer,
        Speed(seconds, slice_items=slice_items),
        quantum=quantum_of(seconds, slice_items=slice_items),
        queue_items=bounds.queue_of(model),
        deadline_s=bounds.deadline_s,
        observe=observe,
        tally=tally,
    )


def tally_of(recorder: Recorder, role: str) -> Tally:
    """Count in the row of a model with this role."""
    return Tally(
        waiting=recorder.counter("queue_images", role).add,
        queued=recorder.histogram("queue_seconds", role).observe,
        answered=recorder.counter("answering_seconds_total", role).add,
        ran=recorder.histogram("run_seconds", role).observe,
        shed=partial(_shed, recorder, role),
        work=recorder.counter("work_seconds", role).set,
    )


def _shed(recorder: Recorder, role: str, reason: str, images: int) -> None:
    recorder.counter("shed_images_total", role, reason).add(images)
