"""What a batcher's observer counts."""

import numpy as np
import pytest

from serving.counts.families import CONFIDENCES
from serving.counts.observing import observer
from serving.counts.sheet import Recorder, Sheet


def test_images_count_alike_alone_and_in_company() -> None:
    """Few are counted without numpy: in the same classes and buckets, at their bounds too."""
    bounds = np.array([*CONFIDENCES, 0.05, 0.97], np.float32)
    probabilities = np.zeros((len(bounds), 10), np.float32)
    probabilities[range(len(bounds)), np.arange(len(bounds)) % 10] = bounds
    probabilities[3, 9] = probabilities[3, 3]  # two that are equal: the first one counts
    images = np.zeros((len(bounds), 1, 28, 28), np.uint8)
    alone, together = Recorder(Sheet(1), 0), Recorder(Sheet(1), 0)
    familiarity = np.linspace(0, 1, len(bounds), dtype=np.float32)
    observe = observer(alone, "primary", least=0.5)
    for index in range(len(bounds)):
        one = slice(index, index + 1)
        observe(images[one], probabilities[one], familiarity[one])
    observer(together, "primary", least=0.5)(images, probabilities, familiarity)
    names = ("confidence", "images_total", "unknown_images_total")
    by_class = [("predicted_total", (str(label),)) for label in range(10)]
    for name, key in (*((name, ()) for name in names), *by_class):
        counted = [one.sheet.cells(0, name, "primary", *key).tolist() for one in (alone, together)]
        assert sum(counted[0]) > 0
        assert counted[0] == pytest.approx(counted[1])
