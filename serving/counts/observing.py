"""What was predicted, counted: images, slice sizes, classes, confidence."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Familiarities, Images, Probabilities
from serving.counts.families import CLASSES, CONFIDENCES
from serving.counts.sheet import Counter, Recorder

Answers = NDArray[np.float32]  # (N, classes), or (N, classes + 1) with familiarity
Parts = Callable[[Answers], tuple[Probabilities, Familiarities | None]]
Observe = Callable[[Images, Probabilities, Familiarities | None], None]

_BOUNDS = np.array(CONFIDENCES, np.float32)
_FEW = 128  # numbers: numpy takes longer for the calls than for them


def observer(recorder: Recorder, model: str, *, least: float) -> Observe:
    """Make what a batcher calls with each slice, in its thread, when the answers are out.

    `model`: whose row counts it; `least`: the familiarity of what is known.
    """
    images_total = recorder.counter("images_total", model)
    slices = recorder.histogram("batch_images", model)
    classes = recorder.counter("predicted_total", model, "0")
    confidences = replace(
        recorder.histogram("confidence", model), bounds=tuple(map(float, _BOUNDS))
    )
    unknown = recorder.counter("unknown_images_total", model)

    def observe(
        images: Images, probabilities: Probabilities, familiarity: Familiarities | None
    ) -> None:
        images_total.add(len(images))
        slices.observe(len(images))
        if familiarity is not None:
            unknown.add(sum(one < least for one in familiarity.tolist()))
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


def together(parts: Parts, *observers: Observe) -> Callable[[Images, Answers], None]:
    """Let all look at one slice of a model whose answers have these `parts`."""

    def observe(images: Images, answers: Answers) -> None:
        probabilities, familiarity = parts(answers)
        for one in observers:
            one(images, probabilities, familiarity)

    return observe


def _add(first: Counter, counts: NDArray[np.intp]) -> None:
    for index, count in enumerate(counts.tolist()):
        if count:
            first.row[first.at + index] += count
