"""A net that also returns what every layer makes, in the post's order."""

from collections import Counter
from collections.abc import Callable, Sequence
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
BLOCKS = (BasicBlock, Bottleneck, Inception, _DenseLayer)  # what they add or join: other
OTHERS = (
    nn.BatchNorm2d, nn.GroupNorm, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.Hardswish,
    nn.Hardsigmoid, nn.Mish,
)  # fmt: skip
SOFTMAX = "softmax"
Seen = tuple[str, Tensor | None, Tensor]  # name, input and output of a module, as it ran


class WithActivations(nn.Module):
    """uint8 images → (probabilities, every activation in the order of `layers`).

    Shown are maps (C, H, W) and rows of units; other shapes, as of tokens, and whatever is no
    module of its own are left out; with `ends_alone` all but input and softmax. `layers` describes
    each activation; `parameters_of` has the (folded) weight and bias of the convolutions and fully
    connected layers, by layer name.
    """

    def __init__(
        self, net: nn.Module, image_shape: tuple[int, int, int], *, ends_alone: bool = False
    ) -> None:
        super().__init__()
        folded = fold_batch_norm(net)
        for module in folded.modules():
            if isinstance(module, nn.ReLU | nn.Dropout):
                module.inplace = False  # it would overwrite the activation before it
        self.net = post_order(folded) if isinstance(folded, LeNet) else folded
        self.shown = {
            name: module
            for name, module in self.net.named_modules()
            if isinstance(module, Input) or (_shown(module) and not ends_alone)
        }
        self.changed: set[str] = set()  # by a function in place that comes after
        self.layers = self._describe(image_shape)

    @property
    def parameters_of(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        drawn = {entry["name"] for entry in self.layers}
        return {
            _title(name): (module.weight, module.bias)
            for name, module in self.shown.items()
            if isinstance(module, nn.Conv2d | nn.Linear) and _title(name) in drawn
        }

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        logits, seen = self._watch(images)
        probabilities = logits.softmax(dim=1)
        return probabilities, *(output for _, _, output in seen), probabilities

    def _watch(self, images: Tensor) -> tuple[Tensor, list[Seen]]:
        """Return the logits, and what the shown modules were given and gave, as they ran."""
        seen: list[Seen] = []

        def remember(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
            def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ANN401
                if not _is_drawn(module, output):
                    return
                first = inputs[0] if inputs else None
                first = first[0] if isinstance(first, list) and first else first
                kept = output.clone() if name in self.changed else output
                seen.append((name, first if isinstance(first, Tensor) else None, kept))

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
        dice = torch.Generator().manual_seed(0)
        image = torch.randint(0, 256, (1, *image_shape), dtype=torch.uint8, generator=dice)
        logits, seen = self._watch(image)
        self.changed = {name for name, _, output in seen if output._version > 0}  # noqa: SLF001 - no other name
        if self.changed:
            logits, seen = self._watch(image)
        uses: Counter[str] = Counter()
        entries: list[Entry] = []
        for at, (name, first, output) in enumerate(seen):
            uses[name] += 1
            title = _title(name) + (f"/{uses[name]}" if uses[name] > 1 else "")
            maker = _maker(first, seen[:at])
            source = [entries[maker]["name"]] if maker is not None else []
            kind = _kind(self.shown[name]) if source or not entries else _other(self.shown[name])
            entries.append(
                {"name": title, **kind, "inputs": source, "shape": list(output.shape[1:])}
            )
        maker = _maker(logits, seen)
        source = [entries[maker]["name"]] if maker is not None else []
        softmax = {"name": SOFTMAX, "kind": "softmax", "inputs": source}
        return [*entries, {**softmax, "shape": list(logits.shape[1:])}]


def _maker(given: Tensor | None, before: Sequence[Seen]) -> int | None:
    """Return which of the activations before it a tensor is, as it stands or in another shape."""
    if given is None:
        return None
    for at in reversed(range(len(before))):
        output = before[at][2]
        if output is given or (
            output.numel() == given.numel() and torch.equal(output.flatten(), given.flatten())
        ):
            return at
    return None


def layers(net: WithActivations) -> list[Entry]:
    """Return what each activation is, in order; the last is the softmax."""
    return net.layers


def _shown(module: nn.Module) -> bool:
    plain = (Input, nn.Conv2d, nn.Linear, *POOLING_KINDS, *MAX_POOLS, *AVERAGE_POOLS)
    return isinstance(module, (*plain, *BLOCKS, *OTHERS)) or type(module) in FUNCTIONS


def _is_drawn(module: nn.Module, output: object) -> bool:
    """Maps (N, C, H, W) and rows (N, units); a linear layer gives maps to tokens alone."""
    if not isinstance(output, Tensor) or output.ndim not in {2, 4}:
        return False
    return output.ndim == 2 or not isinstance(module, nn.Linear)  # noqa: PLR2004 - axes


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


def _other(module: nn.Module) -> Entry:
    return {"kind": "other", "what": type(module).__name__.lstrip("_")}


def _convolution(module: nn.Conv2d) -> Entry:
    """`other` where zeros are no equal frame around the map, as with "same" and an even kernel."""
    padding = _padding(module)
    if padding is None or module.padding_mode != "zeros" or set(module.dilation) != {1}:
        return _other(module)
    return {
        "kind": "convolution",
        "kernel": list(module.kernel_size),
        "stride": _side(module.stride),
        "padding": _side(padding),
        "groups": module.groups,
    }


def _padding(module: nn.Conv2d) -> tuple[int, ...] | None:
    if module.padding == "valid":
        return (0, 0)
    if module.padding == "same":
        each = [size - 1 for size in module.kernel_size]
        return None if any(one % 2 for one in each) else tuple(one // 2 for one in each)
    return cast("tuple[int, ...]", module.padding)


def _side(sides: Sequence[int]) -> int | list[int]:
    """One number where height and width have the same."""
    return sides[0] if len(set(sides)) == 1 else list(sides)


def _pooling(module: nn.Module) -> Entry:
    if not isinstance(module, nn.MaxPool2d | nn.AvgPool2d) or getattr(module, "ceil_mode", False):
        return _other(module)
    function = "max" if isinstance(module, nn.MaxPool2d) else "average"
    if isinstance(module, SumPool):
        function = "sum"
    sizes = {"kernel": module.kernel_size, "stride": module.stride, "padding": module.padding}
    return {"kind": "pooling", "function": function, **sizes}
