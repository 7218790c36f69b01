"""Affine maps of the sampling grid: (N, 2, 3) of rows (shift, from x, from y), from -1 to 1.

A map takes places of the new image to places of the old one: what is composed last moves the
picture first.
"""

import math

import torch
from torch import Tensor

ASPECT = math.log(4 / 3)  # of a crop, either way: Szegedy et al. 2015


def composed(outer: Tensor, inner: Tensor) -> Tensor:
    """Return the map x → outer(inner(x))."""
    linear = outer[:, :, 1:]
    moved = linear @ inner
    return torch.cat([moved[:, :, :1] + outer[:, :, :1], moved[:, :, 1:]], dim=2)


def mirrors(mirrored: Tensor) -> Tensor:
    """(N,) bool → left and right exchanged where it is true."""
    sign = 1.0 - 2.0 * mirrored.float()
    zero, one = torch.zeros_like(sign), torch.ones_like(sign)
    return _rows((zero, sign, zero), (zero, zero, one))


def crops(uniform: Tensor, *, least: float) -> Tensor:
    """(N, 4) of 0 to 1 → windows of `least` to all of the area, anywhere within the image."""
    area = least + uniform[:, 0] * (1 - least)
    aspect = torch.exp((2 * uniform[:, 1] - 1) * ASPECT)
    width = (area * aspect).sqrt().clamp(max=1)
    height = (area / aspect).sqrt().clamp(max=1)
    right = (2 * uniform[:, 2] - 1) * (1 - width)
    down = (2 * uniform[:, 3] - 1) * (1 - height)
    zero = torch.zeros_like(width)
    return _rows((right, width, zero), (down, zero, height))


def trivial(kind: Tensor, strength: Tensor, *, aspect: float) -> Tensor:
    """(N,) kinds 1 to 5 and strengths -1 to 1 → one warp an image; other kinds change nothing.

    Rotation, shear and translation either way of Müller and Hutter 2021, TrivialAugment, table 5
    (space RA); `aspect` is height over width.
    """
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    angle = torch.where(kind == 1, strength * math.radians(30), zero)
    across = torch.where(kind == 2, strength * 0.3, zero)  # noqa: PLR2004 - kinds
    down = torch.where(kind == 3, strength * 0.3, zero)  # noqa: PLR2004
    right = torch.where(kind == 4, strength * 0.6, zero)  # noqa: PLR2004 - of half a side
    below = torch.where(kind == 5, strength * 0.6, zero)  # noqa: PLR2004
    cosine, sine = torch.where(kind == 1, angle.cos(), one), angle.sin()
    return _rows((right, cosine, (across - sine) * aspect), (below, (down + sine) / aspect, cosine))


def _rows(x: tuple[Tensor, Tensor, Tensor], y: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    return torch.stack([torch.stack(x, dim=1), torch.stack(y, dim=1)], dim=1)
