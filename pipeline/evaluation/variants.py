"""How fast the variants of a model are beside it, on this machine; their quality is export's."""

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.arrays import Images
from contract.sidecars import variant_path
from pipeline.export.onnx_run import Session, open_session
from pipeline.export.variant_table import Table

BATCHES = (1, 64)
LEAST_ROUNDS, MOST_ROUNDS, SECONDS = 5, 200, 1.0  # of a batch size


@dataclass(frozen=True)
class Variants:
    """`speed`: by variant and batch, how many runs of it take as long as one of the model."""

    table: Table
    speed: Mapping[str, Mapping[int, float]]

    def plain(self) -> dict[str, dict[str, float]]:
        """A group for each variant, for metrics/evaluate.json and the registry."""
        return {
            name: values
            | {f"speed_{batch:02}": ratio for batch, ratio in self.speed.get(name, {}).items()}
            for name, values in self.table.numbers().items()
        }

    def sentences(self) -> dict[str, str]:
        """Each in a line, for the card and the registry."""
        return {
            name: text + "".join(self._fast(name)) for name, text in self.table.sentences().items()
        }

    def _fast(self, name: str) -> list[str]:
        return [f", {r:g} times as fast at batch {b}" for b, r in self.speed.get(name, {}).items()]


def measure(table: Table, onnx: Path, session: Session, images: Images) -> Variants:
    """Of the file `onnx`, open as `session`; `images` (N, C, H, W) uint8 are what is run."""
    speed = {
        name: {
            batch: ratio(session, open_session(variant_path(onnx, name)), images, batch=batch)
            for batch in BATCHES
        }
        for name in table.served
    }
    return Variants(table, speed)


def ratio(model: Session, variant: Session, images: Images, *, batch: int) -> float:
    """Seconds of the model by those of the variant: the median of runs in turn, one thread each."""
    given = np.ascontiguousarray(np.resize(images, (batch, *images.shape[1:])))
    found: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(found) < LEAST_ROUNDS or (len(found) < MOST_ROUNDS and time.perf_counter() < end):
        found.append(_seconds(model, given) / _seconds(variant, given))
    return float(f"{statistics.median(found):.2g}")


def _seconds(session: Session, images: Images) -> float:
    start = time.perf_counter()
    session.run(None, {"images": images})
    return time.perf_counter() - start
