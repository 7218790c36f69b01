"""CUDA graphs: a step of a small net is some two hundred launches; captured once, it is one.

Off by default: no GPU has run this yet (docs/devices.md). Mini-batches come in two sizes at most,
so there are two graphs at most, which share a memory pool. The first steps of a size run eagerly on
a side stream, as training steps like any other, so that every lazy initialisation is behind; then
the step is captured, which runs nothing, and replayed.
"""

import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from pipeline.training.augmenter import Drawn
from pipeline.training.batches import Batch

if TYPE_CHECKING:
    from lightning.pytorch.core.optimizer import LightningOptimizer

    from pipeline.training.classifier import ImageClassifier

EAGER_STEPS = 3  # of each size, before its capture
Update = Callable[[Batch], None]


def suits(module: "ImageClassifier") -> bool:
    """Say whether a step can be captured: asked for, one GPU, plain, and the same in all epochs."""
    recipe = module.recipe
    alone = module.device.type == "cuda" and module.trainer.world_size == 1
    plain = not recipe.compile and recipe.precision != "16-mixed" and not recipe.freeze
    return recipe.cuda_graph and alone and plain


def captured(module: "ImageClassifier") -> Update:
    """Return what takes the place of `module.step`."""
    optimizer = cast("LightningOptimizer", module.optimizers())
    rates_on_device(optimizer.optimizer, module.device)

    def work(batch: Batch) -> None:
        error = module.error(batch)
        optimizer.optimizer.zero_grad()
        torch.autograd.backward(error)
        optimizer.optimizer.step()

    quiet = module.trainer.datamodule.reading  # type: ignore[attr-defined]  # ArraysDataModule's
    graphs = Graphs(work, optimizer.optimizer, quiet)

    def update(batch: Batch) -> None:
        optimizer._on_before_step()  # noqa: SLF001 - Lightning counts steps there
        graphs.run(batch)
        optimizer._on_after_step()  # noqa: SLF001

    return update


@dataclass(frozen=True)
class Captured:
    """A graph, and the tensors that it reads."""

    graph: torch.cuda.CUDAGraph
    reads: Batch

    def replay(self, batch: Batch) -> None:
        for read, given in zip(_tensors(self.reads), _tensors(batch), strict=True):
            read.copy_(given)
        self.graph.replay()


class Graphs:
    """Runs `work(batch)`: forward, backward and update. `quiet` keeps other threads off the GPU."""

    def __init__(
        self, work: Update, optimizer: torch.optim.Optimizer, quiet: AbstractContextManager[Any]
    ) -> None:
        self.work, self.optimizer, self.quiet = work, optimizer, quiet
        self.captured: dict[int, Captured] = {}
        self.eager: Counter[int] = Counter()
        self.refused = False
        self.pool = torch.cuda.graph_pool_handle()
        self.side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's

    def run(self, batch: Batch) -> None:
        size = len(batch.labels)
        if self.refused or self.eager[size] < EAGER_STEPS:
            self.eager[size] += 1
            self.aside(batch)
            return
        if size not in self.captured:
            try:
                self.captured[size] = self.capture(batch)
            except RuntimeError as error:
                warnings.warn(f"no CUDA graph of this step, it runs eagerly: {error}", stacklevel=2)
                self.refused = True
                self.work(batch)
                return
        self.captured[size].replay(batch)

    def aside(self, batch: Batch) -> None:
        """Run on the side stream, where autograd's state is not tied to the default one."""
        self.side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.side):
            self.work(batch)
        torch.cuda.current_stream().wait_stream(self.side)

    def capture(self, batch: Batch) -> Captured:
        """Capture on this thread alone; dropout's generator gives each replay other numbers."""
        drawn = Drawn(*(None if given is None else given.clone() for given in batch.drawn))
        reads = Batch(batch.images.clone(), batch.labels.clone(), drawn)
        graph = torch.cuda.CUDAGraph()
        device = batch.images.device.index or 0
        graph.register_generator_state(torch.cuda.default_generators[device])
        self.optimizer.zero_grad(set_to_none=True)  # the graph keeps gradients of its own
        torch.cuda.synchronize()
        with (
            self.quiet,
            torch.cuda.graph(
                graph, pool=self.pool, stream=self.side, capture_error_mode="thread_local"
            ),
        ):
            self.work(reads)
        return Captured(graph, reads)


def _tensors(batch: Batch) -> list[Tensor]:
    return [given for given in (batch.images, batch.labels, *batch.drawn) if given is not None]


def rates_on_device(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Make every learning rate a tensor there: a graph reads it anew at each replay."""
    for group in optimizer.param_groups:
        rate: Tensor = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)
        group["lr"] = rate.clone()
