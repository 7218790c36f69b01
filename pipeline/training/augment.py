"""Whole-batch augmentation: every distortion is one matrix product and one grid_sample.

A displacement field is linear in a few random numbers per image: five for the affine part, and one
per axis and control point for the elastic part. `draw` makes the numbers, `distort` the images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

SPACING = 4.0  # px between two control points of the elastic field
SMOOTHNESS = 4.0  # px, standard deviation of the Gaussian around each, sigma of Simard 2003
AFFINE = 3  # basis functions 1, x, y


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far an image is distorted at most."""

    rotation: float  # degrees either way
    scale: float  # fraction either way
    shear: float  # fraction either way
    shift: float  # px either way
    elastic: float  # px, standard deviation

    @property
    def on(self) -> bool:
        return any((self.rotation, self.scale, self.shear, self.shift, self.elastic))


class Distorter:
    """Distorts images of one size, on one device."""

    def __init__(
        self, how: Augmentation, *, height: int, width: int, device: torch.device | str = "cpu"
    ) -> None:
        self.how, self.size = how, (height, width)
        elastic = _elastic_basis(height, width) if how.elastic else torch.zeros(0, height * width)
        self.basis = torch.cat([_affine_basis(height, width), elastic]).to(device)

    def draw(self, images: int, generator: torch.Generator) -> Tensor:
        """Return the (images, 2, basis) coefficients of the sampling grids (x before y)."""
        how, device = self.how, self.basis.device
        uniform = torch.rand(images, 6, generator=generator, device=device) * 2 - 1
        angle = uniform[:, 0] * math.radians(how.rotation)
        shear = uniform[:, 1] * how.shear
        across = (1 + uniform[:, 2] * how.scale).reciprocal()
        down = (1 + uniform[:, 3] * how.scale).reciprocal()
        half = torch.tensor(self.size[::-1], device=device) / 2
        shift = uniform[:, 4:] * how.shift / half
        cosine, sine = angle.cos(), angle.sin()
        aspect = self.size[0] / self.size[1]  # grid_sample's scale is -1 to 1 on both axes
        from_y = (shear * cosine - sine) * down * aspect
        from_x = sine * across / aspect
        x_row = torch.stack([shift[:, 0], cosine * across, from_y], dim=1)
        y_row = torch.stack([shift[:, 1], from_x, (shear * sine + cosine) * down], dim=1)
        affine = torch.stack([x_row, y_row], dim=1)
        points = len(self.basis) - AFFINE
        if not points:
            return affine
        normal = torch.randn(images, 2, points, generator=generator, device=device)
        return torch.cat([affine, normal * how.elastic / half.view(1, 2, 1)], dim=2)

    def distort(self, images: Tensor, coefficients: Tensor) -> Tensor:
        """(N, C, H, W) pixels → float32 pixels of the same shape; outside is 0."""
        grid = (coefficients.flatten(0, 1) @ self.basis).view(len(images), 2, *self.size)
        return F.grid_sample(
            images.float(),
            grid.movedim(1, -1),
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )


def _affine_basis(height: int, width: int) -> Tensor:
    """(3, H*W): 1, x and y of each pixel's centre, from -1 to 1 as grid_sample has it."""
    y = (torch.arange(height) * 2 + 1) / height - 1
    x = (torch.arange(width) * 2 + 1) / width - 1
    ones = torch.ones(height, width)
    return torch.stack([ones, x.expand(height, width), y[:, None].expand(height, width)]).flatten(1)


def _elastic_basis(height: int, width: int) -> Tensor:
    """(points, H*W): a Gaussian around each control point; at each pixel their squares sum to 1.

    Independent standard normal coefficients so give a field of standard deviation 1 everywhere.
    """
    down, across = _gaussians(height), _gaussians(width)
    bumps = torch.einsum("ph,qw->pqhw", down, across).flatten(0, 1).flatten(1)
    return bumps / bumps.square().sum(dim=0, keepdim=True).sqrt()


def _gaussians(size: int) -> Tensor:
    """(points, size): the points start and end half a spacing outside the image."""
    points = torch.arange(-SPACING / 2, size + SPACING / 2 + 1e-6, SPACING)
    distance = torch.arange(size) + 0.5 - points[:, None]
    return torch.exp(-(distance**2) / (2 * SMOOTHNESS**2))


def seeded(*numbers: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator that depends on these numbers alone, e.g. (seed, epoch, step)."""
    state = 0
    for number in numbers:
        state = (state * 1_000_003 + number + 1) % (1 << 63)
    return torch.Generator(device=device).manual_seed(state)


def even_bounds(total: int, parts: int) -> Sequence[int]:
    """Return the parts + 1 bounds of slices that differ by one in size at most."""
    return [part * total // parts for part in range(parts + 1)]
