"""The region around one forward pass, and the order of a net's weights."""

import pytest
import torch
from torch import nn

from pipeline.training import precision

CPU = torch.device("cpu")


def test_no_step_computes_with_the_weights_of_the_one_before() -> None:
    """Within a region of somebody else's that caches converted weights, as Lightning's may."""
    net = nn.Linear(4, 4, bias=False)
    images = torch.ones(2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with precision.region("bf16-mixed", CPU):
            before = net(images)
        with torch.no_grad():
            net.weight.zero_()
        with precision.region("bf16-mixed", CPU):
            after = net(images)
    assert before.abs().max() > 0
    assert after.abs().max() == 0


@pytest.mark.parametrize(
    ("name", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)]
)
def test_region_computes_in_the_asked_numbers(name: str, dtype: torch.dtype) -> None:
    """Outside of it, nothing has changed."""
    net = nn.Linear(4, 4)
    with precision.region(name, CPU):
        assert net(torch.ones(2, 4)).dtype == dtype
    assert net(torch.ones(2, 4)).dtype == torch.float32


def test_lightning_scales_float16_alone() -> None:
    """All other casting is done in our own region."""
    chosen = {name: precision.of_lightning(name) for name in ("32-true", "bf16-mixed", "16-mixed")}
    assert chosen == {"32-true": "32-true", "bf16-mixed": "32-true", "16-mixed": "16-mixed"}


@pytest.mark.parametrize(
    ("device", "layout"),
    [
        ("cpu", torch.channels_last),
        ("cuda", torch.channels_last),
        ("mps", torch.contiguous_format),
    ],
)
def test_apples_gpus_get_the_plain_layout(device: str, layout: torch.memory_format) -> None:
    """There, torch's gradients for channels last are wrong without a word."""
    assert precision.layout(torch.device(device)) == layout
