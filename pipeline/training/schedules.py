"""Learning rate schedules: the fraction of the peak at each step."""

import math

ONE_CYCLE_START = 1 / 25  # of the peak, as Smith and Topin 2018
ONE_CYCLE_END = 1e-4


def fraction(name: str, step: int, *, steps: int, warmup_fraction: float) -> float:
    """Return the part of the peak learning rate that step `step` (from 0) of `steps` uses.

    `constant` and `cosine` warm up linearly; `one_cycle` rises and falls by half a cosine each.
    """
    warmup = int(steps * warmup_fraction)
    if step < warmup:
        part = (step + 1) / warmup
        return _between(ONE_CYCLE_START, 1.0, part) if name == "one_cycle" else part
    if name == "constant":
        return 1.0
    end = ONE_CYCLE_END if name == "one_cycle" else 0.0
    return _between(1.0, end, (step - warmup) / max(1, steps - warmup))


def _between(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2
