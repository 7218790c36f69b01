"""The forms that training takes on a CPU compute what the layers compute, gradients too."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

from pipeline import config
from pipeline.nets import cpu, lenet

MODEL = config.load(Path(__file__).parents[3] / "params.yaml").model
Layers = Iterable[nn.Module]
NETS: list[dict[str, Any]] = [
    {},
    {"batch_norm": False},
    {"padding": 2, "canvas": 28},
    {"stride": 2, "kernel": 3, "filters": [7]},
    {"canvas": 29, "kernel": 4},  # maps of 26 and, pooled to 13, of 10
    {"convolutions": 2, "kernel": 3, "padding": 1, "filters": [4, 20, 20], "hidden": []},
    {"pooling": "average"},
    {"pooling": "sum", "nonlinearity": "tanh"},
    {"nonlinearity": "gelu"},
]


def gradients(
    net: lenet.LeNet, forward: Callable[[Layers, Tensor], Tensor], images: Tensor
) -> dict[str, Tensor]:
    """Return logits, gradients, and what the step left in the batch norms, in float64."""
    placed, *layers = deepcopy(net).double().train()
    logits = forward(layers, placed(images).double())
    loss = F.cross_entropy(logits, torch.arange(len(images)) % 10, reduction="sum")
    torch.autograd.backward(loss)
    left = nn.Sequential(*layers)
    found = {
        name: weight.grad for name, weight in left.named_parameters() if weight.grad is not None
    }
    return {"logits": logits.detach(), **dict(left.named_buffers()), **found}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("changes", NETS, ids=str)
def test_the_same_function(changes: dict[str, Any], channels: int) -> None:
    """Logits, gradients and statistics are those of the layers one after the other.

    Half of each image is background: there, the four places of a window are equal.
    """
    torch.manual_seed(0)
    net = lenet.build(
        msgspec.structs.replace(MODEL, **changes),
        image_shape=(channels, 28, 28), classes=10, mean=[0.1] * channels, std=[0.3] * channels,
    )  # fmt: skip
    images = torch.randint(0, 256, (20, channels, 28, 28), dtype=torch.uint8)
    images[..., 14:] = 0
    expected = gradients(net, one_by_one, images)
    found = gradients(net, cpu.run, images)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-9)


def one_by_one(layers: Layers, maps: Tensor) -> Tensor:
    for layer in layers:
        maps = layer(maps)
    return maps


def test_training_takes_them() -> None:
    """A LeNet in training runs in these forms; elsewhere the layers themselves do."""
    net = lenet.build(MODEL, image_shape=(1, 28, 28), classes=10, mean=[0.1], std=[0.3])
    pooled: list[bool] = []
    net.get_submodule("pool1").register_forward_hook(lambda *_: pooled.append(net.training))
    images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    net.train()(images)
    assert pooled == []
    with torch.no_grad():
        net(images)
    net.eval()(images)
    assert pooled == [True, False]


def test_of_equal_places_the_first_counts() -> None:
    """As in torch's max pooling, one place of a window gets the whole gradient."""
    convolution = nn.Conv2d(1, 1, 2, bias=False)
    with torch.no_grad():
        convolution.weight.fill_(1.0)
    images = torch.tensor([[[[1.0, 2.0, 1.0]] * 3]])  # each place of 2 x 2 finds 6
    torch.autograd.backward(cpu.pooled_convolution(convolution, images))
    assert convolution.weight.grad is not None
    assert convolution.weight.grad.tolist() == [[[[1.0, 2.0], [1.0, 2.0]]]]
