"""The instrumented twin: a net that also returns what every layer makes, in the post's order."""

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torchvision.models.densenet import _DenseLayer
from torchvision.models.googlenet import Inception
from torchvision.models.resnet import BasicBlock, Bottleneck

from pipeline.nets.canvas import Input
from pipeline.nets.folding import POOLING_KINDS, fold_batch_norm, post_order
from pipeline.nets.lenet import NONLINEARITIES, LeNet, SumPool

Entry = dict[str, Any]  # a layer as the sidecar's `layers` has it

FUNCTIONS = {module: name for name, module in NONLINEARITIES.items()}
MAX_POOLS = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)
AVERAGE_POOLS = (nn.AvgPool2d, nn.AdaptiveAvgPool2d)
BLOCKS = (
    BasicBlock,
    Bottleneck,
    Inception,
    _DenseLayer,
    nn.BatchNorm2d,
)  # what they add or join is shown as other
SOFTMAX = "softmax"


class InstrumentedNet(nn.Module):
    """uint8 images → (probabilities, every activation in the order of `layers`).

    `layers` describes each activation; `parameters_of` has the (folded) weight and bias of the
    convolutions and fully connected layers, by layer name.
    """

    def __init__(self, net: nn.Module, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        folded = fold_batch_norm(net)
        for module in folded.modules():
            if isinstance(module, nn.ReLU | nn.Dropout):
                module.inplace = False  # it would overwrite the activation before it
        self.net = post_order(folded) if isinstance(folded, LeNet) else folded
        self.shown = {name: module for name, module in self.net.named_modules() if _shown(module)}
        self.layers = self._describe(image_shape)

    @property
    def parameters_of(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        return {
            _title(name): (module.weight, module.bias)
            for name, module in self.shown.items()
            if isinstance(module, nn.Conv2d | nn.Linear)
        }

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        logits, seen = self._watch(images)
        probabilities = logits.softmax(dim=1)
        return probabilities, *(output for _, _, output in seen), probabilities

    def _watch(self, images: Tensor) -> tuple[Tensor, list[tuple[str, Tensor, Tensor]]]:
        """Return the logits, and (name, input, output) of the shown modules as they ran."""
        seen: list[tuple[str, Tensor, Tensor]] = []

        def remember(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
            def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
                first = inputs[0][0] if isinstance(inputs[0], list) else inputs[0]
                seen.append((name, first, output))

            return hook

        handles = [
            module.register_forward_hook(remember(name)) for name, module in self.shown.items()
        ]
        try:
            return cast("Tensor", self.net(images)), seen
        finally:
            for handle in handles:
                handle.remove()

    @torch.no_grad()
    def _describe(self, image_shape: tuple[int, int, int]) -> list[Entry]:
        logits, seen = self._watch(torch.zeros(1, *image_shape, dtype=torch.uint8))
        makers: dict[int, str] = {}
        uses: Counter[str] = Counter()
        entries: list[Entry] = []
        for name, first, output in seen:
            module, uses[name] = self.shown[name], uses[name] + 1
            title = _title(name) + (f"/{uses[name]}" if uses[name] > 1 else "")
            before = makers.get(id(first), entries[-1]["name"] if entries else None)
            entries.append(
                {
                    "name": title,
                    **_kind(module),
                    "inputs": [before] if before else [],
                    "shape": list(output.shape[1:]),
                }
            )
            makers[id(output)] = title
        last = entries[-1]["name"]
        softmax = {"name": SOFTMAX, "kind": "softmax", "inputs": [last]}
        return [*entries, {**softmax, "shape": list(logits.shape[1:])}]


def layers(net: InstrumentedNet) -> list[Entry]:
    """Return what each activation is, in order; the last is the softmax."""
    return net.layers


def _shown(module: nn.Module) -> bool:
    plain = (Input, nn.Conv2d, nn.Linear, *POOLING_KINDS, *MAX_POOLS, *AVERAGE_POOLS, *BLOCKS)
    return isinstance(module, plain) or type(module) in FUNCTIONS


def _title(name: str) -> str:
    return name.removeprefix("body.").replace(".", "/")


def _kind(module: nn.Module) -> Entry:
    """Return the contract's fields of one layer; `other` where no arithmetic is claimed."""
    if isinstance(module, Input):
        canvas = module.canvas
        place = {"scale": canvas.scale, "pad": [canvas.top, canvas.left]}
        return {"kind": "input", "mean": list(module.mean), "std": list(module.std), **place}
    if isinstance(module, nn.Conv2d):
        return _convolution(module)
    if isinstance(module, nn.Linear):
        return {"kind": "fully_connected"}
    if type(module) in FUNCTIONS:
        return {"kind": "nonlinearity", "function": FUNCTIONS[type(module)]}
    return _pooling(module)


def _convolution(module: nn.Conv2d) -> Entry:
    if isinstance(module.padding, str):
        raise TypeError(f"padding {module.padding!r}: a number of pixels is needed")
    (stride, _), (padding, _) = module.stride, module.padding
    return {
        "kind": "convolution",
        "kernel": list(module.kernel_size),
        "stride": stride,
        "padding": padding,
        "groups": module.groups,
    }


def _pooling(module: nn.Module) -> Entry:
    if not isinstance(module, nn.MaxPool2d | nn.AvgPool2d) or getattr(module, "ceil_mode", False):
        return {"kind": "other", "what": type(module).__name__.lstrip("_")}
    function = "max" if isinstance(module, nn.MaxPool2d) else "average"
    if isinstance(module, SumPool):
        function = "sum"
    sizes = {"kernel": module.kernel_size, "stride": module.stride, "padding": module.padding}
    return {"kind": "pooling", "function": function, **sizes}
