"""For small pictures: a first layer of 3x3 and stride 1, and no pooling after it.

Nets made for 224 px give a quarter of each side to their first layers; at 32 px little is left for
the others. He et al. 2016, section 4.2, start at CIFAR-10 with 3x3 and stride 1.
"""

import torch
from torch import nn

from pipeline.nets.errors import NetError

KERNEL = 3
POOLS = (
    "maxpool",
    "features.pool0",
)  # after the first layer: of resnets and shufflenets, densenets


def make_small(net: nn.Module, *, name: str, keep: bool) -> None:
    """Change the first convolution in its place; `keep` takes the middle of its kernels along.

    Raises NetError where the net does not begin with a convolution of stride 2.
    """
    place, first = next(
        ((at, module) for at, module in net.named_modules() if isinstance(module, nn.Conv2d)),
        ("", None),
    )
    if first is None or tuple(first.stride) != (2, 2) or first.kernel_size[0] < KERNEL:
        raise NetError(
            f"model.small_input: {name} does not begin with a convolution of stride 2 "
            f"(its first is {first}): set it to false"
        )
    net.set_submodule(place, _smaller(first, keep=keep))
    for pool in POOLS:
        if isinstance(dict(net.named_modules()).get(pool), nn.MaxPool2d):
            net.set_submodule(pool, nn.Identity())


@torch.no_grad()
def _smaller(old: nn.Conv2d, *, keep: bool) -> nn.Conv2d:
    new = nn.Conv2d(
        old.in_channels, old.out_channels, KERNEL, padding=KERNEL // 2, bias=old.bias is not None
    )
    if keep:
        new.weight.copy_(middle(old.weight, KERNEL))
        if new.bias is not None and old.bias is not None:
            new.bias.copy_(old.bias)
    else:
        nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    return new


def middle(kernels: torch.Tensor, size: int) -> torch.Tensor:
    """(F, C, h, w) → (F, C, size, size)."""
    top, left = ((side - size) // 2 for side in kernels.shape[-2:])
    return kernels[..., top : top + size, left : left + size]
