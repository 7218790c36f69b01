"""Who races in benchmarks/training.py; each returns its seconds per epoch."""

import itertools
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import msgspec
import torch
import torchvision
import yaml  # type: ignore[import-untyped]  # stubs are not among the tools
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

from benchmarks.usual import UsualScript, mnist, usual_loader
from pipeline.config import Resolved
from pipeline.training import optimizers, trainer
from pipeline.training.augment import even_bounds, seeded
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule
from pipeline.training.memory import keep_freed_memory

Contestant = Callable[[int], list[float]]  # epochs → seconds of each

Changes = dict[str, float | bool]
PLAIN: Changes = dict.fromkeys(("rotation", "scale", "shear", "shift", "elastic", "averaging"), 0.0)
COMPILED = "pipeline, plain, torch.compile"
VALIDATED = 512  # images; not counted


@dataclass(frozen=True)
class Split:
    images: Any  # (N, 1, 28, 28) uint8
    labels: Any  # (N,) int64


@dataclass(frozen=True)
class Setting:
    """What the contestants share: data, params.yaml's sections, device."""

    published: torchvision.datasets.MNIST
    split: Split
    model: dict[str, Any]
    train: dict[str, Any]
    workers: int
    scratch: Path

    @classmethod
    def read(  # noqa: PLR0913 - the benchmark's options
        cls,
        folder: Path,
        scratch: Path,
        *,
        images: int,
        batch_size: int,
        threads: int,
        workers: int,
    ) -> "Setting":
        published = mnist(folder, scratch, train=True)
        split = Split(published.data[:images, None].numpy(), published.targets[:images].numpy())
        params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
        train = params["train"] | {"batch_size": batch_size, "threads": threads}
        return cls(published, split, params["model"], train, workers, scratch)

    @property
    def device(self) -> torch.device:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def classifier(self, **changes: object) -> ImageClassifier:
        return ImageClassifier(
            model=self.model, train=self.train | changes,
            image_shape=[1, 28, 28], classes=10, mean=[0.1307], std=[0.3081],
        )  # fmt: skip


class Clock(lightning.Callback):
    """The seconds of every training epoch; waits for the device at its ends alone."""

    def __init__(self) -> None:
        self.epochs: list[float] = []
        self.started = 0.0

    def on_train_epoch_start(self, *_: object) -> None:
        self.started = now()

    def on_train_epoch_end(self, *_: object) -> None:
        self.epochs.append(now() - self.started)


class ClockBeforeValidation(Clock):
    """The same, stopped where validation begins."""

    def on_validation_start(self, *_: object) -> None:
        self.epochs.append(now() - self.started)

    def on_train_epoch_end(self, *_: object) -> None:
        """Nothing: validation ran before."""


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
CLOCK = "BENCHMARK_CLOCK"


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return CLOCKS[os.environ.get(CLOCK, "wall")]()


def usual_script(setting: Setting) -> Contestant:
    loader = usual_loader(
        setting.published, images=len(setting.split.labels),
        batch_size=setting.train["batch_size"], workers=setting.workers,
    )  # fmt: skip

    return lambda epochs: fitted(setting, loader, epochs)


def plain_lightning(setting: Setting) -> Contestant:
    """The usual net and its logging, but the images are tensors in memory, cut by index."""

    def run(epochs: int) -> list[float]:
        images = torch.from_numpy(setting.split.images).to(setting.device)
        labels = torch.from_numpy(setting.split.labels).to(setting.device)
        loader = InMemory((images / 255 - 0.1307) / 0.3081, labels, setting.train["batch_size"])
        return fitted(setting, loader, epochs)

    return run


def fitted(setting: Setting, loader: Iterable[Any], epochs: int) -> list[float]:
    """Train the usual script's net in plain Lightning; returns the seconds of each epoch."""
    clock = Clock()
    fitting = lightning.Trainer(
        max_epochs=epochs, default_root_dir=setting.scratch, callbacks=[clock],
        enable_checkpointing=False, logger=False, enable_model_summary=False,
    )  # fmt: skip
    fitting.fit(UsualScript(), loader)
    return clock.epochs


@dataclass(frozen=True)
class InMemory:
    """Mini-batches of tensors in a new order every time; what Lightning takes as a loader."""

    images: Tensor
    labels: Tensor
    size: int

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.labels), device=self.labels.device)
        for index in torch.split(order, self.size):
            yield self.images[index], self.labels[index]


def pipeline(setting: Setting, changes: Changes, *, streamed: bool = False) -> Contestant:
    def run(epochs: int) -> list[float]:
        module = setting.classifier(epochs=epochs, **changes)
        validated = Split(setting.split.images[:VALIDATED], setting.split.labels[:VALIDATED])
        data = ArraysDataModule(
            setting.split, validated, batch_size=setting.train["batch_size"], seed=0,
            placement="streamed" if streamed else "resident",
        )  # fmt: skip
        clock = ClockBeforeValidation()
        fitting = trainer.build(
            module.recipe, root=setting.scratch, callbacks=[clock], progress=True,
        )  # fmt: skip
        fitting.fit(module, data)
        return clock.epochs

    return run


def raw_loop(setting: Setting) -> Contestant:
    """The same net, optimizer and order of images as the plain pipeline, in a for loop."""

    def run(epochs: int) -> list[float]:
        images = torch.from_numpy(setting.split.images).to(setting.device)
        labels = torch.from_numpy(setting.split.labels).to(setting.device)
        step = stepper(setting)
        steps = -(-len(labels) // setting.train["batch_size"])
        bounds = even_bounds(len(labels), steps)
        seconds = []
        for epoch in range(epochs):
            started = now()
            order = torch.randperm(len(labels), generator=seeded(0, epoch)).to(setting.device)
            for first, last in itertools.pairwise(bounds):
                index = order[first:last]
                step(images[index], labels[index])
            seconds.append(now() - started)
        return seconds

    return run


def fixed_batch(setting: Setting) -> Contestant:
    """Forward, backward and update on one batch again and again."""

    def run(epochs: int) -> list[float]:
        size = setting.train["batch_size"]
        images = torch.from_numpy(setting.split.images[:size]).to(setting.device)
        labels = torch.from_numpy(setting.split.labels[:size]).to(setting.device)
        step = stepper(setting)
        seconds = []
        for _ in range(epochs):
            started = now()
            for _ in range(-(-len(setting.split.labels) // size)):
                step(images, labels)
            seconds.append(now() - started)
        return seconds

    return run


def stepper(setting: Setting) -> Callable[[Tensor, Tensor], None]:
    keep_freed_memory()  # as the pipeline does; the usual script does not
    net = setting.classifier().net.to(setting.device).train()
    optimizer = optimizers.build(net, msgspec.convert(setting.train, Resolved))

    def step(images: Tensor, labels: Tensor) -> None:
        error = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        torch.autograd.backward(error)
        optimizer.step()

    return step


# The first three are compared: they do the same, without augmentation and averaging.
CONTESTANTS: dict[str, Callable[[Setting], Contestant]] = {
    "usual script": usual_script,
    "pipeline, plain": partial(pipeline, changes=PLAIN),
    "raw loop": raw_loop,
    "one fixed batch (the floor)": fixed_batch,
    "pipeline, plain, streamed": partial(pipeline, changes=PLAIN, streamed=True),
    COMPILED: partial(pipeline, changes=PLAIN | {"compile": True}),
    "tensors in memory, plain Lightning": plain_lightning,
    "pipeline, as params.yaml": partial(pipeline, changes={}),
}
