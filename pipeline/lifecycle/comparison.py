"""Is the challenger better than the champion? Both answered the same test images: a paired test."""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics import Z_95

SIGNIFICANCE = 0.05


class Verdict(Enum):
    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Comparison:
    """Counts of images; `only_…`: right in one of the two, wrong in the other."""

    images: int
    both: int
    only_challenger: int
    only_champion: int

    @property
    def challenger_accuracy(self) -> float:
        return (self.both + self.only_challenger) / self.images

    @property
    def champion_accuracy(self) -> float:
        return (self.both + self.only_champion) / self.images

    @property
    def difference(self) -> float:
        """Of the accuracies; positive where the challenger is ahead."""
        return (self.only_challenger - self.only_champion) / self.images

    @property
    def p_value(self) -> float:
        """Two-sided, exact (McNemar 1947): the images that differ, as tosses of a fair coin."""
        tosses = self.only_challenger + self.only_champion
        fewer = min(self.only_challenger, self.only_champion)
        ways = sum(math.comb(tosses, heads) for heads in range(fewer + 1))
        return float(min(1.0, 2 * ways / 2**tosses))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference (Bonett and Price 2012: Wald's with one image added)."""
        larger = self.images + 2
        ahead, behind = (self.only_challenger + 1) / larger, (self.only_champion + 1) / larger
        spread = Z_95 * math.sqrt((ahead + behind - (ahead - behind) ** 2) / larger)
        return max(-1.0, ahead - behind - spread), min(1.0, ahead - behind + spread)

    @property
    def verdict(self) -> Verdict:
        if self.p_value >= SIGNIFICANCE:
            return Verdict.UNDECIDED
        return Verdict.BETTER if self.difference > 0 else Verdict.WORSE

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"accuracy {self.challenger_accuracy:.2%} against the champion's "
            f"{self.champion_accuracy:.2%} on the same {self.images} test images; difference "
            f"{self.difference:+.2%} (95 % interval {low:+.2%} to {high:+.2%}); "
            f"{self.only_challenger} right here only, {self.only_champion} there only; "
            f"McNemar exact p = {self.p_value:.3g}"
        )


def compare(challenger: NDArray[np.bool_], champion: NDArray[np.bool_]) -> Comparison:
    """Whether each image (N,) was classified rightly, by the one and by the other."""
    if challenger.shape != champion.shape or challenger.size == 0:
        raise ValueError(
            f"{challenger.shape!r} and {champion.shape!r} answers: the same images, at least one, "
            "are needed"
        )
    return Comparison(
        images=challenger.size,
        both=int((challenger & champion).sum()),
        only_challenger=int((challenger & ~champion).sum()),
        only_champion=int((~challenger & champion).sum()),
    )
