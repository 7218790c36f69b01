"""Averaged weights (EMA): what is evaluated and exported, beside what is trained."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Averaging:
    """An exponential moving average of a net's state, batch norm statistics included.

    The decay grows with the steps, (1 + t) / (10 + t), up to the given one: the random start
    is soon forgotten.
    """

    def __init__(self, net: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.live = {
            name: value for name, value in net.state_dict().items() if value.is_floating_point()
        }
        self.average = {name: value.clone() for name, value in self.live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the net's values after step `step`, from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.average.values()), list(self.live.values()), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the net holds the average."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the net's values and the average's."""
        live, average = list(self.live.values()), list(self.average.values())
        kept = [value.clone() for value in live]
        torch._foreach_copy_(live, average)
        torch._foreach_copy_(average, kept)

    def buffers_of(self, net: nn.Module) -> list[Tensor]:
        """Return the averages of the net's buffers."""
        return [self.average[name] for name, _ in net.named_buffers() if name in self.average]

    @torch.no_grad()
    def restore(self, average: Mapping[str, Tensor]) -> None:
        for name, value in self.average.items():
            value.copy_(average[name])
