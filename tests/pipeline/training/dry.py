"""What a step would do on a GPU, seen without one: fake devices, and a watch on every operation."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline import config
from pipeline.training.augmenter import Augmenter
from pipeline.training.batches import Batch
from pipeline.training.classifier import ImageClassifier

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
CODE = str(Path(config.__file__).parents[1])
FAMILIES = ["lenet", "alexnet", "zfnet", "googlenet", "vgg11", "resnet18", "densenet121"]
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "lift_fresh")
SHAPE, IMAGES = (1, 28, 28), 4


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Notes every operation for which the host waits for a GPU, or copies to it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.found: list[str] = []

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch's signature
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        name = func.__name__.partition(".")[0]
        devices = {value.device.type for value in args if isinstance(value, torch.Tensor)}
        given = (kwargs or {}).get("device")
        if given is not None and name == "_to_copy":
            devices.add(torch.device(given).type)
        if name in WAITS or (name in ("copy_", "_to_copy") and len(devices) > 1):
            self.found.append(f"{name} in {_place()}")
        return func(*args, **(kwargs or {}))


class OwnNumbers(TorchFunctionMode):
    """Notes random numbers from a generator that is not given; a fake device has none itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,  # noqa: ANN401 - torch's signature
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        named = dict(kwargs or {})
        draws = func in (torch.rand, torch.randn, torch.randint, torch.randperm)
        if draws and named.pop("generator", None) is None:
            self.found.append(f"{func.__name__} in {_place()}")
        return func(*args, **named)


def _place() -> str:
    """The innermost function of the pipeline that is running."""
    frame = sys._getframe(1)  # noqa: SLF001 - the way to the caller
    while frame is not None and not frame.f_code.co_filename.startswith(CODE):
        frame = frame.f_back  # type: ignore[assignment]  # None ends it
    return frame.f_code.co_qualname if frame else "torch"


def module(name: str, device: str, **train: Any) -> ImageClassifier:  # noqa: ANN401 - any field of Train
    """A net on a device that need not exist, ready for `error`."""
    recipe = config.settled(msgspec.structs.replace(PARAMS.train, **train))
    with torch.device(device):
        made = ImageClassifier(
            model=msgspec.to_builtins(PARAMS.model) | {"name": name},
            train=msgspec.to_builtins(recipe),
            image_shape=SHAPE, classes=10, mean=[0.5], std=[0.3],
        ).train()  # fmt: skip
        made.loss_sum = torch.zeros(())
    made._device = torch.device(device)  # noqa: SLF001 - as Trainer.fit does
    made.augmenter = Augmenter(recipe, SHAPE, device)
    return made


def batch(made: ImageClassifier, device: str) -> Batch:
    drawn = made.augmenter.draw(torch.arange(IMAGES), torch.Generator(), epoch=0)
    images = torch.empty(IMAGES, *SHAPE, dtype=torch.uint8, device=device)
    return Batch(images, torch.empty(IMAGES, dtype=torch.int64, device=device), drawn)


def on_fake_gpu(net: nn.Module) -> None:
    """Replace a meta net's weights and buffers, one by one, by such of a fake GPU."""
    for part in net.modules():
        for name, weight in part.named_parameters(recurse=False):
            part.register_parameter(name, nn.Parameter(torch.empty_like(weight, device="cuda")))
        for name, buffer in part.named_buffers(recurse=False):
            part.register_buffer(name, torch.empty_like(buffer, device="cuda"))


@contextmanager
def meta_updates() -> Iterator[None]:
    """Give the fused updates, which have no meta kernel, one that does nothing."""
    library = torch.library.Library("aten", "IMPL", "Meta")  # type: ignore[no-untyped-call]  # torch's
    try:
        for name in ("_fused_adamw_", "_fused_sgd_"):
            library.impl(name, lambda *_, **__: None)  # type: ignore[no-untyped-call]  # torch's
        yield
    finally:
        library._destroy()  # type: ignore[no-untyped-call]  # noqa: SLF001 - the only way back
