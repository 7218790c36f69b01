"""What was predicted, counted: images, slice sizes, classes, confidence."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Images, Probabilities
from serving.counts.families import CLASSES, CONFIDENCES
from serving.counts.sheet import Counter, Recorder

Observe = Callable[[Images, Probabilities], None]

_BOUNDS = np.array(CONFIDENCES, np.float32)
_FEW = 128  # numbers: numpy takes longer for the calls than for them


def observer(recorder: Recorder, model: str) -> Observe:
    """Make what a batcher calls with each slice, in its thread, when the answers are out.

    `model`: whose row counts it.
    """
    images_total = recorder.counter("images_total", model)
    slices = recorder.histogram("batch_images", model)
    classes = recorder.counter("predicted_total", model, "0")
    confidences = replace(
        recorder.histogram("confidence", model), bounds=tuple(map(float, _BOUNDS))
    )

    def observe(images: Images, probabilities: Probabilities) -> None:
        images_total.add(len(images))
        slices.observe(len(images))
        if probabilities.size <= _FEW:
            for row in probabilities.tolist():
                most = max(row)
                classes.row[classes.at + min(row.index(most), CLASSES)] += 1
                confidences.observe(most)
            return
        best, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
        _add(classes, np.bincount(np.minimum(best, CLASSES)))
        confidences.add_counts(
            np.bincount(np.searchsorted(_BOUNDS, confidence)).tolist(), float(confidence.sum())
        )

    return observe


def together(*observers: Observe) -> Observe:
    def observe(images: Images, probabilities: Probabilities) -> None:
        for one in observers:
            one(images, probabilities)

    return observe


def _add(first: Counter, counts: NDArray[np.intp]) -> None:
    for index, count in enumerate(counts.tolist()):
        if count:
            first.row[first.at + index] += count
