"""A first layer for small pictures: maps of 4 px stay where 1 px was left, and what has none."""

from pathlib import Path

import msgspec
import pytest
import torch
from torch import nn

from pipeline import config
from pipeline.nets import stem, zoo
from pipeline.nets.errors import NetError

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
SIDE = 32


def build(name: str, *, small_input: bool) -> nn.Module:
    torch.manual_seed(0)
    return zoo.build(
        msgspec.structs.replace(PARAMS.model, name=name, small_input=small_input),
        image_shape=(3, SIDE, SIDE), classes=4, mean=[0.5] * 3, std=[0.2] * 3,
    ).eval()  # fmt: skip


def least_map(net: nn.Module) -> int:
    """Return the side, in px, of the smallest map that a kernel wider than 1 px is laid on."""
    sides: list[int] = []
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1):
            module.register_forward_hook(lambda _, given, __: sides.append(given[0].shape[-1]))
    with torch.no_grad():
        assert net(torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8)).shape == (1, 4)
    return min(sides)


@pytest.mark.parametrize(
    ("name", "gain"),
    [
        ("resnet18", 4),
        ("shufflenet_v2_x0_5", 4),
        ("densenet121", 4),
        ("mobilenet_v3_small", 2),
        ("regnet_x_400mf", 2),
        ("efficientnet_b0", 2),
        ("mnasnet0_5", 2),
        ("timm/resnet10t", 4),
        ("timm/mobilenetv3_small_050", 2),
    ],
)
def test_maps_stay_larger(name: str, gain: int) -> None:
    """At 32 px: by 2 for the first layer's stride, and by 2 for the pooling after it."""
    before = least_map(build(name, small_input=False))
    assert least_map(build(name, small_input=True)) == gain * before


def test_weights_keep_the_middle_of_their_kernels() -> None:
    """Published kernels of 7x7 are cut to 3x3, not drawn anew."""
    net = nn.Sequential(nn.Conv2d(3, 8, 7, stride=2, padding=3))
    kernels = next(net.parameters()).detach().clone()
    stem.make_small(net, name="own", keep=True)
    first = net[0]
    assert isinstance(first, nn.Conv2d)
    assert torch.equal(first.weight, kernels[:, :, 2:5, 2:5])


@pytest.mark.parametrize("name", ["timm/convnext_atto", "timm/vit_tiny_patch16_224"])
def test_a_net_of_patches_is_refused(name: str) -> None:
    """What begins with patches has no such layer; one line says so."""
    with pytest.raises(NetError, match=rf"small_input: {name} does not begin with a convolution"):
        build(name, small_input=True)


@pytest.mark.parametrize("name", ["lenet", "vgg11", "swin_t", "mynets.tiny:build"])
def test_other_families_are_refused_before_any_work(name: str) -> None:
    """params.yaml is refused, with the families that it is for."""
    raw = msgspec.to_builtins(PARAMS)
    raw["model"] |= {"name": name, "small_input": True}
    with pytest.raises(config.ConfigError, match=rf"small_input is not for {name}: .*resnet"):
        config.parse(raw, config.Params, source="params.yaml")
