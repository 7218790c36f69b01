"""Colours and erased boxes of photos, for a whole batch with different numbers for each image.

torchvision's v2 transforms draw once for a batch, and a loop over images costs more than the net of
a small picture. All is arithmetic on (N, C, H, W) float32 pixels of 0 to 255 and uniform numbers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

PIXEL_MAX = 255.0
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
WARPS = 6  # kinds 0 to 5 of the trivial choice: nothing, and what `warps.trivial` does
KINDS = WARPS + 7  # brightness, contrast, saturation, sharpness, posterize, solarize, autocontrast
COLUMNS = 8  # numbers an image that `changed` takes
AREA, ASPECT = (0.02, 0.33), 3.3  # of an erased box: Zhong et al. 2017, Random Erasing
STRONGEST = 0.9  # of brightness, contrast, saturation and sharpness, either way


@dataclass(frozen=True)
class Colours:
    """How far colours change at most: fractions, and probabilities of grey and of a box."""

    colour: float
    grey: float
    erase: float

    @property
    def on(self) -> bool:
        return any((self.colour, self.grey, self.erase))

    def changed(self, pixels: Tensor, uniform: Tensor) -> Tensor:
        """`uniform` (N, COLUMNS) of 0 to 1: three of colour, one of grey, four of the box."""
        if self.colour:
            factors = 1 + (2 * uniform[:, :3] - 1) * self.colour
            pixels = brighter(pixels, factors[:, 0])
            pixels = saturated(contrasted(pixels, factors[:, 1]), factors[:, 2])
        if self.grey:
            pixels = torch.where(_each(uniform[:, 3] < self.grey), luma(pixels), pixels)
        if self.erase:
            box = boxes(uniform[:, 5:], *pixels.shape[-2:])
            hit = _each(uniform[:, 4] < self.erase) & box[:, None]
            pixels = torch.where(hit, pixels.mean(dim=(2, 3), keepdim=True), pixels)
        return pixels


def trivial(pixels: Tensor, kind: Tensor, strength: Tensor) -> Tensor:
    """One change of colour for each image by (N,) kinds, WARPS and above, and strengths -1 to 1.

    Müller and Hutter 2021, TrivialAugment, table 5 (space RA); equalize is left out.
    """
    factor, part = 1 + STRONGEST * strength, strength.abs()
    step = torch.exp2((4 * part).round())  # 8 bits down to 4
    bright = pixels >= _each(PIXEL_MAX * (1 - part))
    made = (
        brighter(pixels, factor),
        contrasted(pixels, factor),
        saturated(pixels, factor),
        sharpened(pixels, factor),
        (pixels / _each(step)).floor() * _each(step),
        torch.where(bright & _each(part > 0), PIXEL_MAX - pixels, pixels),
        stretched(pixels),
    )
    for number, changed in enumerate(made, start=WARPS):
        pixels = torch.where(_each(kind == number), changed, pixels)
    return pixels


def brighter(pixels: Tensor, factor: Tensor) -> Tensor:
    return (pixels * _each(factor)).clamp(0, PIXEL_MAX)


def contrasted(pixels: Tensor, factor: Tensor) -> Tensor:
    """Away from, or towards, the image's mean luminance."""
    return _blended(luma(pixels).mean(dim=(1, 2, 3), keepdim=True), pixels, factor)


def saturated(pixels: Tensor, factor: Tensor) -> Tensor:
    return _blended(luma(pixels), pixels, factor)


def sharpened(pixels: Tensor, factor: Tensor) -> Tensor:
    """Away from, or towards, Pillow's SMOOTH: a mean of 3x3 whose middle counts five times."""
    around = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return _blended((around * 9 + pixels * 4) / 13, pixels, factor)


def stretched(pixels: Tensor) -> Tensor:
    """Each channel from 0 to 255; a flat one stays."""
    low, high = pixels.amin(dim=(2, 3), keepdim=True), pixels.amax(dim=(2, 3), keepdim=True)
    span = high - low
    return torch.where(span > 0, (pixels - low) * PIXEL_MAX / span.clamp(min=1e-6), pixels)


def luma(pixels: Tensor) -> Tensor:
    """(N, C, H, W) → (N, 1, H, W): luminance of red, green and blue, else the channels' mean."""
    if pixels.shape[1] != len(LUMA):
        return pixels.mean(dim=1, keepdim=True)
    red, green, blue = LUMA
    return red * pixels[:, :1] + green * pixels[:, 1:2] + blue * pixels[:, 2:]


def boxes(uniform: Tensor, height: int, width: int) -> Tensor:
    """(N, 3) of 0 to 1 → (N, height, width) bool: area and aspect from one number, then place."""
    least, most = AREA
    area = (least + (most - least) * uniform[:, 0]) * height * width
    turned = (uniform[:, 0] * 997) % 1  # another number out of the same
    aspect = ASPECT ** (2 * turned - 1)
    tall = (area * aspect).sqrt().clamp(max=height)
    wide = (area / aspect).sqrt().clamp(max=width)
    top, left = uniform[:, 1] * (height - tall), uniform[:, 2] * (width - wide)
    return inside((top, left, tall, wide), height, width)


def inside(box: tuple[Tensor, Tensor, Tensor, Tensor], height: int, width: int) -> Tensor:
    """Top, left, height and width, (N,) px → (N, height, width) bool: centres in the box."""
    top, left, tall, wide = (values[:, None] for values in box)
    y = torch.arange(height, device=top.device) + 0.5
    x = torch.arange(width, device=top.device) + 0.5
    down, across = (y >= top) & (y < top + tall), (x >= left) & (x < left + wide)
    return down[:, :, None] & across[:, None, :]


def _blended(base: Tensor, pixels: Tensor, factor: Tensor) -> Tensor:
    return (base + (pixels - base) * _each(factor)).clamp(0, PIXEL_MAX)


def _each(values: Tensor) -> Tensor:
    """(N,) → (N, 1, 1, 1)."""
    return values.view(-1, 1, 1, 1)
