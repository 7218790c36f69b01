"""The step on devices that are not there: nothing read, nothing mixed, nothing waited for."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from pipeline.training import optimizers, precision, trainer
from pipeline.training.batches import Batch, Chunk
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule
from tests.pipeline.training import dry

pytestmark = pytest.mark.filterwarnings(
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"  # lightning on torch 2.15
)


def take_step(made: ImageClassifier, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    error = made.error(batch)
    optimizer.zero_grad()
    torch.autograd.backward(error)
    optimizer.step()


@pytest.mark.parametrize("name", dry.FAMILIES)
def test_whole_step_on_meta(name: str) -> None:
    """A read by the host or a tensor of the CPU raises there; random numbers are our own."""
    made = dry.module(name, "meta")
    with dry.meta_updates(), dry.OwnNumbers() as numbers, dry.Watch() as watch:
        batch = dry.batch(made, "meta")
        take_step(made, optimizers.build(made.net, made.recipe), batch)
    assert numbers.found == []
    assert watch.found == []


@pytest.mark.parametrize("fault", ["read", "mix", "draw", "copy"])
def test_planted_faults_are_seen(fault: str) -> None:
    """Each kind of fault, planted into the net, is found."""

    class Faulty(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits = images.float().mean((2, 3)).expand(-1, 10) * made.net.get_parameter("scale")
            plant = {
                "read": lambda: logits.sum().item(),
                "mix": lambda: logits + torch.ones(10, device="cpu"),
                "draw": lambda: torch.rand(10, device="meta"),
                "copy": lambda: logits.new_empty(2).copy_(torch.zeros(2, device="cpu")),
            }
            plant[fault]()  # type: ignore[no-untyped-call]  # torch's
            return logits

    made = dry.module("lenet", "meta")
    made.net = Faulty()
    made.net.register_parameter("scale", nn.Parameter(torch.ones((), device="meta")))
    found: list[str] = []
    try:
        with dry.OwnNumbers() as numbers, dry.Watch() as watch:
            made.error(dry.batch(made, "meta"))
        found = numbers.found + watch.found
    except (RuntimeError, NotImplementedError) as error:
        found = [str(error)]
    assert len(found) == 1


@pytest.mark.parametrize("numbers", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name", dry.FAMILIES)
def test_forward_on_a_fake_gpu(name: str, numbers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tensor of the forward pass is the GPU's, in the numbers that were asked for."""
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    made = dry.module(name, "meta")
    with FakeTensorMode(allow_non_fake_inputs=True):
        dry.on_fake_gpu(made.net)
        images = torch.empty(dry.IMAGES, *dry.SHAPE, dtype=torch.uint8, device="cuda")
        with precision.region(numbers, torch.device("cuda")):
            logits = made.net(images)
    assert logits.device.type == "cuda"
    assert logits.dtype == (torch.float32 if numbers == "32-true" else torch.bfloat16)


def test_no_gradient_node_outlives_a_step() -> None:
    """A node that did would tie the next step, or a capture, to the stream it was made on."""
    made = dry.module("lenet", "cpu")
    optimizer = optimizers.build(made.net, made.recipe)
    error = made.error(dry.batch(made, "cpu")._replace(labels=torch.zeros(4, dtype=torch.int64)))
    nodes, marked = [error.grad_fn], 0
    while nodes:
        node = nodes.pop()
        if node is not None:
            if type(node).__name__ == "AccumulateGrad":
                node.metadata["marked"] = True  # type: ignore[index]  # torch's
                marked += 1
            nodes += [following for following, _ in node.next_functions]
    optimizer.zero_grad()
    torch.autograd.backward(error)
    optimizer.step()
    del error, node, nodes
    parameters = [weight for weight in made.net.parameters() if weight.requires_grad]
    assert marked >= len(parameters)
    views = [weight.view_as(weight).grad_fn for weight in parameters]
    left = [view.next_functions[0][0] for view in views if view is not None]
    assert not any(node.metadata.get("marked") for node in left if node is not None)  # type: ignore[attr-defined]  # torch's


@dataclass(frozen=True)
class Split:
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


class Watched(ImageClassifier):
    """Watches its own training steps."""

    def training_step(self, chunk: Chunk, batch_idx: int) -> None:
        with dry.Watch() as watch:
            super().training_step(chunk, batch_idx)
        self.waits = [*getattr(self, "waits", []), *watch.found]


def test_a_real_fit_waits_at_an_epochs_end(tmp_path: Path) -> None:
    """Where Lightning takes the epoch's figures into its log, and nowhere else."""
    images = np.random.default_rng(0).integers(0, 256, (300, 1, 28, 28), dtype=np.uint8)
    train = msgspec.structs.replace(dry.PARAMS.train, epochs=2, batch_size=8, accelerator="cpu")
    made = Watched(
        model=msgspec.to_builtins(dry.PARAMS.model), train=msgspec.to_builtins(train),
        image_shape=[1, 28, 28], classes=10, mean=[0.5], std=[0.3],
    )  # fmt: skip
    split = Split(images, np.arange(300) % 10)
    data = ArraysDataModule(split, split, batch_size=8, seed=0)
    fitting = trainer.build(train, root=tmp_path, progress=False)
    fitting.fit(made, data)
    assert set(made.waits) == {"lift_fresh in ImageClassifier._log_epoch"}
