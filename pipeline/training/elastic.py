"""Smooth random displacement, in time and memory that grow with the number of pixels.

A Gaussian lies around each of the control points, SPACING px apart (Simard 2003 smooths one random
number a pixel; this is the same field from fewer). It is a product of two, one an axis, and no
wider than a few control points: a field is two short sums along lines, not one over all points.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

SPACING = 4  # px between two control points; the first lies half of it before the image
SMOOTHNESS = 4.0  # px, standard deviation of the Gaussian around each, sigma of Simard 2003
BLOCK = 32  # px that are summed in one matrix product
BEYOND = 5  # control points before and after a block that reach into it, of more than 1e-9


class ElasticField:
    """(..., points) independent standard normal numbers → (..., height, width) of variance 1."""

    def __init__(self, height: int, width: int, *, device: torch.device | str) -> None:
        self.down, self.across = Line.of(height, device), Line.of(width, device)

    @property
    def points(self) -> int:
        return self.down.points * self.across.points

    def __call__(self, numbers: Tensor) -> Tensor:
        grid = numbers.view(*numbers.shape[:-1], self.down.points, self.across.points)
        lines = self.across.summed(grid)
        return self.down.summed(lines.transpose(-1, -2)).transpose(-1, -2)


@dataclass(frozen=True)
class Line:
    """The Gaussians along one axis."""

    size: int  # px
    kernel: Tensor  # (points near a block, BLOCK)
    norm: Tensor  # (size,): the squares of what reaches a pixel then sum to 1

    @classmethod
    def of(cls, size: int, device: torch.device | str) -> "Line":
        points = SPACING * torch.arange(-BEYOND, BLOCK // SPACING + BEYOND + 2) - SPACING / 2
        kernel = _bump(torch.arange(BLOCK) + 0.5 - points[:, None])
        whole = SPACING * torch.arange(_points(size)) - SPACING / 2
        squares = _bump(torch.arange(size) + 0.5 - whole[:, None]).square().sum(dim=0)
        return cls(size, kernel.to(device), squares.rsqrt().to(device))

    @property
    def points(self) -> int:
        return _points(self.size)

    def summed(self, numbers: Tensor) -> Tensor:
        """(..., points) → (..., size); each block takes a window of the points around it."""
        near, step = len(self.kernel), BLOCK // SPACING
        blocks = -(-self.size // BLOCK)
        after = step * (blocks - 1) + near - BEYOND - self.points
        windows = F.pad(numbers, (BEYOND, after)).unfold(-1, near, step).reshape(-1, near)
        summed = (windows @ self.kernel).view(*numbers.shape[:-1], blocks * BLOCK)
        return summed[..., : self.size] * self.norm


def _points(size: int) -> int:
    """Return how many control points there are from half a spacing before to as much behind."""
    return size // SPACING + 2


def _bump(distance: Tensor) -> Tensor:
    return torch.exp(-(distance**2) / (2 * SMOOTHNESS**2))
