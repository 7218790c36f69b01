"""The size of a net: parameters, multiply-adds of one image, receptive field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

SLIDING = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


@dataclass(frozen=True)
class Size:
    """`field` is the side, in px of the canvas, of what a unit of the deepest map sees.

    Padding and the image's border are not taken off it; multiply-adds are those of convolutions
    and fully connected layers.
    """

    parameters: int
    multiply_adds: int
    field: int


@torch.no_grad()
def measure(net: nn.Module, image_shape: Sequence[int]) -> Size:
    """Send one image through, in evaluation mode."""
    fields, adds = Fields(), list[int]()

    def watch(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            places = output[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
            adds.append(layer.weight.numel() * places)
        if isinstance(layer, SLIDING):
            fields.slide(inputs[0], output, _side(layer.kernel_size), _side(layer.stride))

    kinds = (*SLIDING, nn.Linear)
    hooks = [m.register_forward_hook(watch) for m in net.modules() if isinstance(m, kinds)]
    with fields:
        net.eval()(torch.zeros(1, *image_shape, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    parameters = sum(weights.numel() for weights in net.parameters())
    return Size(parameters, sum(adds), fields.widest)


class Fields(TorchFunctionMode):
    """Follows receptive fields: what is made of several maps sees as far as the widest of them."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[int, tuple[int, int]] = {}  # of a map: side seen, px between two units
        self.kept: list[Tensor] = []  # an id means a tensor only while that lives
        self.widest = 1

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever torch's function returns
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor):
            given = [self.known[id(part)] for part in _tensors(args) if id(part) in self.known]
            if given:
                self.remember(made, max(given))
        return made

    def slide(self, given: Tensor, made: Tensor, kernel: int, stride: int) -> None:
        """Count in a window that slides over a map."""
        side, step = self.known.get(id(given), (1, 1))
        self.remember(made, (side + (kernel - 1) * step, step * stride))
        self.widest = max(self.widest, self.known[id(made)][0])

    def remember(self, made: Tensor, field: tuple[int, int]) -> None:
        self.known[id(made)] = field
        self.kept.append(made)


def _tensors(args: Sequence[Any]) -> list[Tensor]:
    flat = [part for arg in args for part in (arg if isinstance(arg, list | tuple) else [arg])]
    return [part for part in flat if isinstance(part, Tensor)]


def _side(size: int | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else max(size)
