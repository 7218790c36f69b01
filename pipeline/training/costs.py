"""What a training takes, known before it: memory from a dry pass, time from a few images.

The dry pass runs on torch's meta device, which knows shapes and has no memory.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import lightning
import msgspec
import torch
from torch import Tensor, nn

from pipeline.config import Model
from pipeline.errors import PipelineError
from pipeline.nets import zoo
from pipeline.training import optimizers, precision
from pipeline.training.augment import seeded
from pipeline.training.augmenter import Augmenter
from pipeline.training.losses import loss
from pipeline.training.memory import free_memory

if TYPE_CHECKING:
    from pipeline.config import Resolved
    from pipeline.training.classifier import ImageClassifier

FLOAT = 4  # bytes
DRY = 4  # images of the dry pass; memory is linear in them
LONG_ENOUGH_S = 0.2  # of a measurement
SCRATCH = 1.4  # measured over counted memory of lenet, resnet18, vgg11 and densenet121 on a CPU
CLEARLY = 0.9  # of float32's time: what bfloat16 may take at most to be chosen
GIB = 1 << 30


class CostError(PipelineError, MemoryError):
    """This machine has not the memory for a training step."""


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step, with what convolutions take to work in."""

    fixed: int  # weights, gradients, the optimizer's state, averages
    per_image: int  # maps kept for the backward pass

    def of(self, images: int) -> int:
        return self.fixed + images * self.per_image


def memory(module: "ImageClassifier") -> Memory:
    """Return what a step of the module takes in float32, by a dry pass; within about a quarter."""
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        net = zoo.build(
            msgspec.convert(module.hparams["model"], Model), image_shape=module.image_shape,
            classes=module.classes, mean=module.hparams["mean"], std=module.hparams["std"],
            starts=False,
        ).train()  # fmt: skip
        images = torch.empty(DRY, *module.image_shape, dtype=torch.uint8)
    kept: dict[int, Tensor] = {}  # by the address of the storage's record

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor  # noqa: SLF001 - no other name for it
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        net(images).sum()
    for value in (*net.parameters(), *net.buffers()):
        kept.pop(value.untyped_storage()._cdata, None)  # noqa: SLF001 - counted apart
    maps = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    channels, height, width = module.image_shape
    distorted = FLOAT * height * width * (2 * channels + 4)  # pixels, grids
    fixed = _fixed(net, module.recipe)
    return Memory(int(SCRATCH * fixed), int(SCRATCH * (maps / DRY + distorted)))


def _fixed(net: nn.Module, train: "Resolved") -> int:
    matrices, rest = (sum(map(Tensor.numel, part)) for part in optimizers.split(net))
    states = {"sgd": float(train.momentum > 0), "adamw": 2.0, "muon": 1.0}[train.optimizer]
    state = states * matrices + (2 if train.optimizer == "muon" else states) * rest
    copies = 2 + 2 * (train.averaging > 0)  # weights, gradients; the average, and one to swap them
    return int(FLOAT * (copies * (matrices + rest) + state))


def check(module: "ImageClassifier", trainer: lightning.Trainer, *, images: int) -> str:
    """Return a line that says what training on so many images takes; raises CostError."""
    device, recipe = trainer.strategy.root_device, module.recipe
    neighbours = trainer.num_devices if device.type == "cpu" else 1
    needed = refuse_what_cannot_fit(module, free_memory(device) // neighbours)
    own = -(-images // trainer.world_size)
    steps = -(-own // recipe.batch_size)
    length = spoken(seconds(module, device, images=own, steps=steps))
    weights = sum(weight.numel() for weight in module.net.parameters())
    return (
        f"{module.hparams['model']['name']}: {weights:,} parameters; a step takes about "
        f"{binary(needed.of(recipe.batch_size))}, {recipe.epochs} epochs of {steps} steps "
        f"about {length} on {device}"
    )


def spoken(length: float) -> str:
    """Return seconds in words: `40 s`, `12 min`, `5.0 h`, `3.1 days`."""
    for unit, one, decimals in (("days", 86_400, 1), ("h", 3600, 1), ("min", 60, 0)):
        if length >= 2 * one:
            return f"{length / one:.{decimals}f} {unit}"
    return f"{length:.0f} s"


def binary(size: float) -> str:
    """Return bytes in words: `40 MiB`, `1.5 GiB`."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / (1 << 20):.0f} MiB"


def refuse_what_cannot_fit(module: "ImageClassifier", free: int) -> Memory:
    """Return what a step takes; raises CostError where that is more than `free` bytes."""
    needed, size = memory(module), module.recipe.batch_size
    if needed.of(size) <= free:
        return needed
    most = (free - needed.fixed) // needed.per_image
    way_out = f"a batch_size of at most {most}" if most >= 1 else "smaller pictures or another net"
    shape = " x ".join(map(str, module.image_shape))
    raise CostError(
        f"train.batch_size is {size}: a step of {module.hparams['model']['name']} on images of "
        f"{shape} then takes about {needed.of(size) / GIB:.1f} GiB, and {free / GIB:.1f} GiB are "
        f"free: take {way_out}"
    )


def seconds(module: "ImageClassifier", device: torch.device, *, images: int, steps: int) -> float:
    """Return about how long all epochs take: measured on a few images and one update."""
    net = deepcopy(module.net).to(device).train()
    update = optimizers.build(net, module.recipe, classes=module.classes)
    each = per_image(net, module, device, module.recipe.precision)
    one_update = _shortest(update.step, device)
    return module.recipe.epochs * (images * each + steps * one_update)


def per_image(
    net: nn.Module, module: "ImageClassifier", device: torch.device, numbers: str
) -> float:
    """Return the seconds of an image's distortion, forward and backward pass; fills gradients."""
    many, size = 1, module.recipe.batch_size
    while True:
        many = min(2 * many, size)
        run = _pass(net, module, device, numbers, many)
        run()
        taken = _shortest(run, device)
        if taken > LONG_ENOUGH_S or many == size:
            return taken / many


def faster_precision(module: "ImageClassifier", device: torch.device) -> tuple[str, str]:
    """Return bf16-mixed where it is clearly faster than 32-true, and a line that says why."""
    if device.type == "mps" or (device.type == "cuda" and not torch.cuda.is_bf16_supported()):
        return "32-true", f"precision: 32-true; bf16-mixed is not for {device}"
    net = deepcopy(module.net).to(device).train()
    turns = [
        [per_image(net, module, device, name) for name in ("32-true", "bf16-mixed")]
        for _ in range(2)
    ]
    full, half = (min(times) for times in zip(*turns, strict=True))
    chosen = "bf16-mixed" if half < CLEARLY * full else "32-true"
    found = f"bf16-mixed takes {half / full:.2f} times as long as 32-true on {device}"
    return chosen, f"precision: {chosen}; {found}"


def _pass(
    net: nn.Module, module: "ImageClassifier", device: torch.device, numbers: str, images: int
) -> Callable[[], None]:
    augmenter = Augmenter(module.recipe, module.image_shape, device)
    pixels = torch.zeros(images, *module.image_shape, dtype=torch.uint8, device=device)
    labels = torch.zeros(images, dtype=torch.int64, device=device)
    places = torch.arange(images)

    def run() -> None:
        drawn = augmenter.draw(places, seeded(0, device=device), epoch=0)
        seen, _ = augmenter.apply(pixels, drawn)
        with precision.region(numbers, device):
            error = loss(module.recipe.loss, net(seen), labels)
        torch.autograd.backward(error)

    return run


def _shortest(run: Callable[[], object], device: torch.device) -> float:
    """Return seconds: the least of three runs, for a busy machine delays one or the other."""
    times = [_now(device)]
    for _ in range(3):
        run()
        times.append(_now(device))
    return min(after - before for before, after in pairwise(times))


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
