"""What is shown of any net is true: sources, kernels, and nothing where a shape cannot be drawn."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

from pipeline.nets.activations import Entry, WithActivations
from pipeline.nets.canvas import Input
from pipeline.nets.geometry import fit_canvas
from pipeline.nets.zoo import Fitted

SHAPE = (3, 16, 16)
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")


class Odd(nn.Module):
    """Functions between modules, in place too, and what the page has no arithmetic for."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(3, 4, 3, padding="same")
        self.even = nn.Conv2d(4, 4, 2, padding="same")
        self.uneven = nn.Conv2d(4, 4, 3, stride=(2, 1), padding=(1, 0))
        self.wide = nn.Conv2d(4, 4, 3, dilation=2, padding=2)
        self.swish = nn.Hardswish()
        self.tokens = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.last = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        maps = F.relu(self.same(images))
        maps = self.even(maps)
        maps = self.uneven(maps.relu_())
        maps = self.swish(self.wide(maps))
        tokens = self.norm(self.tokens(maps.flatten(2).transpose(1, 2)))
        logits: Tensor = self.last(tokens.mean(dim=1))
        return logits


@pytest.fixture(scope="module")
def watched() -> WithActivations:
    torch.manual_seed(0)
    entry = Input(fit_canvas(*SHAPE[1:], least=1), mean=[0.5] * 3, std=[0.2] * 3)
    return WithActivations(Fitted(entry, Odd()), SHAPE).eval()


def of(watched: WithActivations, name: str) -> Entry:
    return next(entry for entry in watched.layers if entry["name"] == name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("same", {"kind": "convolution", "stride": 1, "padding": 1, "inputs": ["input"]}),
        ("even", {"kind": "other", "what": "Conv2d", "inputs": []}),
        ("uneven", {"kind": "other", "inputs": []}),
        ("wide", {"kind": "other", "what": "Conv2d", "inputs": ["uneven"]}),
        ("swish", {"kind": "other", "what": "Hardswish", "inputs": ["wide"]}),
        ("last", {"kind": "other", "what": "Linear", "inputs": []}),
        ("softmax", {"kind": "softmax", "inputs": ["last"]}),
    ],
)
def test_each_layer_is_described_or_said_to_be_other(
    name: str, expected: dict[str, Any], watched: WithActivations
) -> None:
    """What a function made is no shown layer's output: it is no source of the next."""
    assert expected.items() <= of(watched, name).items()


def test_tokens_are_left_out(watched: WithActivations) -> None:
    """They are neither maps nor a row of units."""
    assert not {"tokens", "norm"} & {entry["name"] for entry in watched.layers}


def test_a_function_in_place_changes_no_activation(watched: WithActivations) -> None:
    """`even` is shown as it was made, before relu_ wrote over it."""
    image = torch.randint(0, 256, (1, *SHAPE), dtype=torch.uint8)
    _, *activations = watched(image)
    names = [entry["name"] for entry in watched.layers]
    assert activations[names.index("even")].min() < 0


def test_sides_that_differ_are_both_given() -> None:
    """Stride and padding of height and width."""
    torch.manual_seed(0)
    entry = Input(fit_canvas(*SHAPE[1:], least=1), mean=[0.5] * 3, std=[0.2] * 3)
    body = nn.Sequential(
        nn.Conv2d(3, 2, 3, stride=(2, 1), padding=(1, 0)), nn.Flatten(), nn.LazyLinear(2)
    )
    net = Fitted(entry, body)
    net(torch.zeros(1, *SHAPE, dtype=torch.uint8))
    layer = of(WithActivations(net, SHAPE), "0")
    assert (layer["stride"], layer["padding"]) == ([2, 1], [1, 0])
