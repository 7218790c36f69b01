"""Optimizers, schedules and losses against formulas written out."""

import math
from pathlib import Path

import msgspec
import pytest
import torch
import torchvision
from torch import nn

from pipeline import config
from pipeline.training import optimizers
from pipeline.training.averaging import Averaging
from pipeline.training.losses import loss
from pipeline.training.schedules import fraction

TRAIN = config.settled(config.load(Path(__file__).parents[3] / "params.yaml").train)


def output(layers: nn.Sequential) -> nn.Linear:
    last = layers[-1]
    assert isinstance(last, nn.Linear)
    return last


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(16, 8), nn.Linear(8, 3))


@pytest.mark.parametrize("shape", [(6, 25), (120, 400), (84, 20)])
def test_orthogonalised(shape: tuple[int, int]) -> None:
    """All singular values come near 1, and the singular vectors stay."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    made = optimizers.orthogonalised(matrix)
    assert torch.linalg.svdvals(made).sub(1).abs().max() < 0.4
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ made @ right.T
    torch.testing.assert_close(inner, inner.diagonal().diag(), atol=1e-3, rtol=0)


def test_muon_takes_matrices_and_kernels_but_the_output() -> None:
    """Biases, scales and the last layer are AdamW's."""
    layers = net()
    matrices, rest = optimizers.split(layers)
    assert [id(weights) for weights in matrices] == [id(layers[0].weight), id(layers[2].weight)]
    assert len(rest) == 4


def test_muon_leaves_wide_matrices_to_adamw() -> None:
    """A step of vgg11 stays below 0.2 TFLOP: all of it would be 11.3."""
    with torch.device("meta"):
        net = torchvision.models.vgg11(num_classes=10, init_weights=False)
    matrices, rest = optimizers.split(net)
    sides = [min(weight.flatten(1).shape) for weight in rest if weight.ndim > 1]
    assert sorted(sides) == [10, 4096, 4096]
    assert len(matrices) == 8
    assert optimizers.muon_flop(net) < 2e11


def test_muons_adamw_is_adamw() -> None:
    """Step by step the same as torch's, for what Muon leaves to it."""
    ours, theirs = net(), net()
    muon = optimizers.build(ours, msgspec.structs.replace(TRAIN, optimizer="muon"))
    adamw = torch.optim.AdamW(
        [output(theirs).weight],
        lr=TRAIN.adamw_learning_rate,
        betas=optimizers.BETAS,
        weight_decay=0.0,
    )
    for step in range(3):
        gradient = torch.randn(3, 8, generator=torch.Generator().manual_seed(step))
        output(ours).weight.grad, output(theirs).weight.grad = gradient.clone(), gradient
        muon.step()
        adamw.step()
    torch.testing.assert_close(output(ours).weight, output(theirs).weight)


def test_schedules() -> None:
    """Warm-up to the peak, then half a cosine to nothing."""

    def at(name: str, step: int) -> float:
        return fraction(name, step, steps=100, warmup_fraction=0.2)

    assert [at("cosine", step) for step in (0, 19, 20)] == pytest.approx([0.05, 1, 1])
    assert at("cosine", 60) == pytest.approx(0.5)
    assert at("cosine", 99) == pytest.approx((1 + math.cos(math.pi * 79 / 80)) / 2)
    assert at("constant", 99) == 1
    assert at("one_cycle", 0) < 0.06
    assert at("one_cycle", 19) == pytest.approx(1)
    assert 1e-4 <= at("one_cycle", 99) < 0.01
    assert fraction("cosine", 0, steps=3, warmup_fraction=0.0) == 1


def test_squared_error_of_the_posts_figure_15() -> None:
    """Outputs 0.2, 0.4, 0.1, 0.3 for a boat, 0, 0, 1, 0: half of 0.04 + 0.16 + 0.81 + 0.09."""
    logits = torch.tensor([[0.2, 0.4, 0.1, 0.3]]).log()
    assert loss("squared_error", logits, torch.tensor([2])).item() == pytest.approx(0.55)


def test_cross_entropy() -> None:
    """The negative logarithm of the true class's probability."""
    logits = torch.tensor([[0.2, 0.4, 0.1, 0.3]]).log()
    given = loss("cross_entropy", logits, torch.tensor([2])).item()
    assert given == pytest.approx(-math.log(0.1))


def test_averaging() -> None:
    """The first update takes 9/10 of the new values; swapped, the net holds the average."""
    layers = net()
    start = output(layers).bias.clone()
    averaging = Averaging(layers, decay=0.999)
    with torch.no_grad():
        output(layers).bias.add_(1)
    averaging.update(0)
    averaging.swap()
    torch.testing.assert_close(output(layers).bias, start + 0.9)
    averaging.swap()
    torch.testing.assert_close(output(layers).bias, start + 1)
