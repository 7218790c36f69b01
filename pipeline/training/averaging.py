"""Averaged weights (EMA): what is evaluated and exported, beside what is trained."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

TRAINED = "trained_state"  # in a checkpoint: the weights that training goes on from
PREFIX = "net."  # of the net's entries in a module's state


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

    def put_into(self, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint's state be the average, and keep the trained values beside it."""
        state = checkpoint["state_dict"]
        checkpoint[TRAINED] = {name: state[PREFIX + name] for name in self.live}
        averaged = {PREFIX + name: value for name, value in self.average.items()}
        checkpoint["state_dict"] = {**state, **averaged}


def take_out_of(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return the average, and let the checkpoint's state be the trained values again."""
    trained = checkpoint.get(TRAINED, {})
    state = checkpoint["state_dict"]
    average = {name: state[PREFIX + name].clone() for name in trained}
    live = {PREFIX + name: value for name, value in trained.items()}
    checkpoint["state_dict"] = {**state, **live}
    return average
