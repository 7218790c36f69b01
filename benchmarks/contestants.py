"""Who races in benchmarks/training.py; each returns its seconds per epoch."""

import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import lightning
import torch
import torchvision
import yaml  # type: ignore[import-untyped]  # stubs are not among the tools
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

from benchmarks.usual import UsualScript, mnist, usual_loader
from pipeline.training import optimizers, trainer
from pipeline.training.augment import even_bounds, seeded
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule
from pipeline.training.memory import keep_freed_memory

if TYPE_CHECKING:
    from pipeline.config import Train

Contestant = Callable[[int], list[float]]  # epochs → seconds of each

PLAIN = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic": 0.0,
         "averaging": 0.0}  # fmt: skip
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

    def run(epochs: int) -> list[float]:
        clock = Clock()
        fitting = lightning.Trainer(
            max_epochs=epochs, default_root_dir=setting.scratch, callbacks=[clock],
            enable_checkpointing=False, logger=False, enable_model_summary=False,
        )  # fmt: skip
        fitting.fit(UsualScript(), loader)
        return clock.epochs

    return run


def pipeline(setting: Setting, changes: dict[str, float], *, streamed: bool = False) -> Contestant:
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
    optimizer = optimizers.build(net, cast("Train", SimpleNamespace(**setting.train)))

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
    "pipeline, as params.yaml": partial(pipeline, changes={}),
}
