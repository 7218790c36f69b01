"""In which numbers a step computes: an autocast region of our own around each forward pass."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

DTYPES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def region(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context of one forward pass and its loss.

    Without autocast's cache of converted weights: several optimizer steps follow each other in
    whatever Lightning opens around a `training_step`, and would compute with the first's weights.
    """
    if precision == "32-true":
        return nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[precision], cache_enabled=False)


def of_lightning(precision: str) -> Literal["16-mixed", "32-true"]:
    """Return Lightning's own: it scales float16's loss, all else is done in `region`."""
    return "16-mixed" if precision == "16-mixed" else "32-true"


def layout(device: torch.device) -> torch.memory_format:
    """Return the order of a net's weights: channels last, but on Apple's GPUs.

    There, torch's gradients of batch norm, and its grid_sample, are silently wrong for channels
    last (pytorch issues 175189 and 174339).
    """
    return torch.contiguous_format if device.type == "mps" else torch.channels_last
