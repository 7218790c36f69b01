"""CUDA graphs: a step of a small net is some sixty launches; captured once, it is one.

Mini-batches come in two sizes at most (they are cut evenly), so there are two graphs at most. The
first steps of a size run eagerly, as training steps like any other, so that every lazy
initialisation is behind; then the step is captured, which runs nothing, and replayed.
"""

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

EAGER_STEPS = 3  # of each size, before its capture

Work = Callable[[Tensor, Tensor | None, Tensor], None]


@dataclass(frozen=True)
class Captured:
    """A graph, and the tensors that it reads."""

    graph: torch.cuda.CUDAGraph
    images: Tensor
    coefficients: Tensor | None
    labels: Tensor

    def replay(self, images: Tensor, coefficients: Tensor | None, labels: Tensor) -> None:
        self.images.copy_(images)
        self.labels.copy_(labels)
        if self.coefficients is not None and coefficients is not None:
            self.coefficients.copy_(coefficients)
        self.graph.replay()


class Graphs:
    """Runs `work(images, coefficients, labels)`: forward, backward and update."""

    def __init__(self, work: Work, optimizer: torch.optim.Optimizer) -> None:
        self.work, self.optimizer = work, optimizer
        self.captured: dict[int, Captured] = {}
        self.eager: Counter[int] = Counter()
        self.refused = False

    def run(self, images: Tensor, coefficients: Tensor | None, labels: Tensor) -> None:
        size = len(labels)
        if self.refused or self.eager[size] < EAGER_STEPS:
            self.eager[size] += 1
            self.work(images, coefficients, labels)
            return
        if size not in self.captured:
            try:
                self.captured[size] = self.capture(images, coefficients, labels)
            except RuntimeError as error:
                warnings.warn(f"no CUDA graph of this step, it runs eagerly: {error}", stacklevel=2)
                self.refused = True
                self.work(images, coefficients, labels)
                return
        self.captured[size].replay(images, coefficients, labels)

    def capture(self, images: Tensor, coefficients: Tensor | None, labels: Tensor) -> Captured:
        drawn = None if coefficients is None else coefficients.clone()
        graph = torch.cuda.CUDAGraph()
        made = Captured(graph, images.clone(), drawn, labels.clone())
        self.optimizer.zero_grad(set_to_none=True)  # the graph keeps gradients of its own
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            self.work(made.images, made.coefficients, made.labels)
        return made


def lr_on_device(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Make every learning rate a tensor there: a graph reads it anew at each replay."""
    for group in optimizer.param_groups:
        rate = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)
        group["lr"] = rate.clone()
