"""The gate between torch and onnxruntime: the same probabilities, or no file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contract.arrays import Familiarities, Images, Probabilities
from pipeline.errors import PipelineError
from pipeline.export.onnx_run import Session, answers, open_session

STEEPER = 100  # times the tolerance of a probability: quantiles are steep where many images lie
BATCH_SIZES = (1, 2, 7, 64)  # alone, smallest batch, an odd one with a remainder, a usual one


class ParityError(PipelineError):
    """The exported model does not compute what the trained one does."""


@dataclass(frozen=True)
class Parity:
    """How far onnxruntime is from torch at one batch size, over all images."""

    batch_size: int
    max_difference: float  # of any probability; NaN where either side has one
    changed: int  # images whose class is another
    familiarity: float = 0.0  # greatest difference; 0 where the file has none

    def __str__(self) -> str:
        told = f"batch {self.batch_size}: {self.max_difference:.3g}, {self.changed} changed"
        return f"{told}, familiarity {self.familiarity:.3g}" if self.familiarity else told


@dataclass(frozen=True)
class Gate:
    """Validation images (N, C, H, W) uint8, and what torch answers for them (N, classes)."""

    images: Images
    expected: Probabilities
    tolerance: float
    familiarity: Familiarities | None = None  # (N,) by the formula; None: not compared

    def check(self, model: bytes, *, name: str) -> tuple[Parity, ...]:
        """Compare at every batch size; raises ParityError with all figures where one is too far."""
        session = open_session(model)
        found = tuple(self.compare(session, batch_size=size) for size in BATCH_SIZES)
        if all(self.passes(one) for one in found):
            return found  # NaN would not be here: it compares as False
        raise ParityError(
            f"{name} differs from the torch model on {len(self.images)} validation images (max "
            f"|torch - onnxruntime|, changed classes): {'; '.join(map(str, found))}; allowed is "
            f"{self.tolerance:g} and no changed class. No file was written. If the differences "
            "are rounding, raise export.parity_tolerance; if not, look for an operator that "
            "exports differently"
        )

    def passes(self, one: Parity) -> bool:
        is_near = one.max_difference <= self.tolerance
        return is_near and one.changed == 0 and one.familiarity <= STEEPER * self.tolerance

    def compare(self, session: Session, *, batch_size: int) -> Parity:
        given, familiarity = answers(session, self.images, batch_size=batch_size)
        apart = 0.0
        if familiarity is not None and self.familiarity is not None:
            apart = float(np.abs(familiarity - self.familiarity).max())
        return Parity(
            batch_size=batch_size,
            max_difference=float(np.abs(given - self.expected).max()),
            changed=int((given.argmax(axis=1) != self.expected.argmax(axis=1)).sum()),
            familiarity=apart,
        )


def plain(found: Sequence[Parity]) -> dict[str, float]:
    """Max |torch - onnxruntime| by batch size, to two digits: more would be the machine's."""
    return {f"batch_{one.batch_size:02}": float(f"{one.max_difference:.1e}") for one in found}


def familiarity(found: Sequence[Parity]) -> float:
    """The greatest difference from the formula in double precision, to two digits."""
    return float(f"{max(one.familiarity for one in found):.1e}")


def sentence(found: Sequence[Parity], images: int) -> str:
    sizes = ", ".join(str(one.batch_size) for one in found)
    return (
        f"max |torch - onnxruntime| {max(plain(found).values()):g} on {images:,} validation images "
        f"at batch {sizes}; no changed class"
    )
