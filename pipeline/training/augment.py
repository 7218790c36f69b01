"""Whole-batch augmentation: all distortions of an image are one grid_sample.

A displacement field is linear in a few random numbers per image: five for the affine part, and one
per axis and control point for the elastic part. `draw` makes the numbers, `distort` the images.
Time and memory grow with the number of pixels.
"""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

from pipeline.training import warps
from pipeline.training.elastic import ElasticField

if TYPE_CHECKING:
    from pipeline.config import Resolved

AFFINE = 3  # basis functions 1, x, y


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far an image is distorted at most."""

    rotation: float  # degrees either way
    scale: float  # fraction either way
    shear: float  # fraction either way
    shift: float  # px either way
    elastic: float  # px, standard deviation
    border: Literal["black", "reflect"] = "black"  # what comes in from outside
    mirror: Literal["none", "random", "alternating"] = "none"
    crop: float = 1.0  # least share of the area that is cut out
    trivial: bool = False  # one change drawn for each image

    @classmethod
    def of(cls, recipe: "Resolved") -> "Augmentation":
        return cls(**{one.name: getattr(recipe, one.name) for one in fields(cls)})

    @property
    def on(self) -> bool:
        return self.bends or bool(self.shift) or self.mirror != "none"

    @property
    def bends(self) -> bool:
        """Whether pixels come to lie between pixels; shifts are whole ones where they do not."""
        amounts = (self.rotation, self.scale, self.shear, self.elastic, self.trivial)
        return any(amounts) or self.crop < 1


class Distorter:
    """Distorts images of one size, on one device."""

    def __init__(
        self, how: Augmentation, *, height: int, width: int, device: torch.device | str = "cpu"
    ) -> None:
        self.how, self.size = how, (height, width)
        self.device = torch.device(device)
        self.basis = _affine_basis(height, width).to(device)
        self.elastic = ElasticField(height, width, device=device) if how.elastic else None
        self.half = torch.tensor([width / 2, height / 2], device=device)  # px a unit of a grid

    def draw(
        self,
        images: int,
        generator: torch.Generator,
        *,
        mirrored: Tensor | None = None,
        chosen: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Return the (images, 2, 3 + points) coefficients of the sampling grids (x before y).

        `mirrored` (images,) bool says what is, else it is drawn; `chosen` are kinds and strengths
        of the trivial choice.
        """
        how, device = self.how, self.device
        affine = self._affine(torch.rand(images, 6, generator=generator, device=device) * 2 - 1)
        bent = None
        if self.elastic is not None:
            normal = torch.randn(images, 2, self.elastic.points, generator=generator, device=device)
            bent = normal * how.elastic / self.half.view(1, 2, 1)
        if how.crop < 1:
            window = torch.rand(images, 4, generator=generator, device=device)
            affine = warps.composed(warps.crops(window, least=how.crop), affine)
        if chosen is not None:
            affine = warps.composed(affine, warps.trivial(*chosen, aspect=self.aspect))
        if how.mirror != "none":
            if mirrored is None:
                coin = torch.rand(images, generator=generator, device=device)
                mirrored = coin < 0.5  # noqa: PLR2004 - half of them
            affine = warps.composed(affine, warps.mirrors(mirrored))
        return affine if bent is None else torch.cat([affine, bent], dim=2)

    @property
    def aspect(self) -> float:
        """Height over width: grid_sample's scale is -1 to 1 on both axes."""
        return self.size[0] / self.size[1]

    def _affine(self, uniform: Tensor) -> Tensor:
        how = self.how
        angle = uniform[:, 0] * math.radians(how.rotation)
        shear = uniform[:, 1] * how.shear
        across = (1 + uniform[:, 2] * how.scale).reciprocal()
        down = (1 + uniform[:, 3] * how.scale).reciprocal()
        shift = uniform[:, 4:] * how.shift
        if not how.bends:  # as many to each side, all as often
            whole = int(how.shift)
            shift = ((uniform[:, 4:] + 1) / 2 * (2 * whole + 1)).floor() - whole
        shift = shift / self.half
        cosine, sine = angle.cos(), angle.sin()
        from_y = (shear * cosine - sine) * down * self.aspect
        from_x = sine * across / self.aspect
        x_row = torch.stack([shift[:, 0], cosine * across, from_y], dim=1)
        y_row = torch.stack([shift[:, 1], from_x, (shear * sine + cosine) * down], dim=1)
        return torch.stack([x_row, y_row], dim=1)

    def distort(self, images: Tensor, coefficients: Tensor) -> Tensor:
        """(N, C, H, W) pixels → float32 pixels of the same shape; outside is 0, or reflects.

        In float32 under any autocast: bfloat16 tells a grid's places apart by 1/256.
        """
        kind = images.device.type
        can = torch.amp.is_autocast_available(kind)
        with torch.autocast(kind, enabled=False) if can else nullcontext():
            return self._sampled(images, coefficients)

    def _sampled(self, images: Tensor, coefficients: Tensor) -> Tensor:
        affine, bent = coefficients[..., :AFFINE], coefficients[..., AFFINE:]
        grid = (affine.flatten(0, 1) @ self.basis).view(len(images), 2, *self.size)
        if self.elastic:
            grid += self.elastic(bent)
        return F.grid_sample(
            images.float(),
            grid.movedim(1, -1),
            mode="bilinear",
            padding_mode="zeros" if self.how.border == "black" else "reflection",
            align_corners=False,
        )


def _affine_basis(height: int, width: int) -> Tensor:
    """(3, H*W): 1, x and y of each pixel's centre, from -1 to 1 as grid_sample has it."""
    y = (torch.arange(height) * 2 + 1) / height - 1
    x = (torch.arange(width) * 2 + 1) / width - 1
    ones = torch.ones(height, width)
    return torch.stack([ones, x.expand(height, width), y[:, None].expand(height, width)]).flatten(1)


def seeded(*numbers: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator that depends on these numbers alone, e.g. (seed, epoch, step)."""
    return torch.Generator(device=device).manual_seed(mixed(*numbers))


def mixed(*numbers: int) -> int:
    """Return one seed of several numbers; each of them and its place count."""
    state = 0
    for number in numbers:
        state = (state * 1_000_003 + number + 1) % (1 << 63)
    return state


def even_bounds(total: int, parts: int) -> Sequence[int]:
    """Return the parts + 1 bounds of slices that differ by one in size at most."""
    return [part * total // parts for part in range(parts + 1)]
