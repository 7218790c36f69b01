"""All that is done to a chunk's images: distortions, then colours, then mixing.

`draw` makes every number of a chunk, `apply` the pixels of a mini-batch. Numbers depend on the
generator, and the alternating mirror on the image and the epoch, alone.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from pipeline.training import colours, mixing
from pipeline.training.augment import Augmentation, Distorter
from pipeline.training.colours import Colours
from pipeline.training.mixing import Mixing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.config import Resolved

CHOICE = 2  # numbers an image of the trivial choice: kind, strength


class Drawn(NamedTuple):
    """Numbers of a chunk or of a mini-batch; None where nothing needs them."""

    coefficients: Tensor | None = None  # (N, 2, basis)
    uniform: Tensor | None = None  # (N, columns) of 0 to 1

    def cut(self, sizes: list[int]) -> "Sequence[Drawn]":
        parts = [
            [None] * len(sizes) if values is None else torch.split(values, sizes) for values in self
        ]
        return [Drawn(*pair) for pair in zip(*parts, strict=True)]


class Augmenter:
    """Of images of one shape (C, H, W), on one device."""

    def __init__(
        self, train: "Resolved", image_shape: "Sequence[int]", device: torch.device | str
    ) -> None:
        self.how = Augmentation.of(train)
        _, height, width = image_shape
        self.distorter = Distorter(self.how, height=height, width=width, device=device)
        self.colours = Colours(train.colour, train.grey, train.erase)
        self.mixing = Mixing(mixup=train.mixup, cutmix=train.cutmix, device=device)
        self.seed, self.device = train.seed, torch.device(device)

    @property
    def on(self) -> bool:
        return self.how.on or self.paints

    @property
    def paints(self) -> bool:
        return self.colours.on or self.mixing.on or self.how.trivial

    def draw(self, places: Tensor, generator: torch.Generator, *, epoch: int) -> Drawn:
        """`places` (N,) are the images' indexes into the training split, on the CPU."""
        images, uniform, chosen, mirrored = len(places), None, None, None
        if self.paints:
            columns = colours.COLUMNS + mixing.COLUMNS + CHOICE
            uniform = torch.rand(images, columns, generator=generator, device=self.device)
        if self.how.trivial and uniform is not None:
            chosen = self._chosen(uniform)
        if self.how.mirror == "alternating":
            mirrored = self._alternating(places, epoch).to(self.device, non_blocking=True)
        if not self.how.on:
            return Drawn(None, uniform)
        drawn = self.distorter.draw(images, generator, mirrored=mirrored, chosen=chosen)
        return Drawn(drawn, uniform)

    def apply(self, images: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor | None]:
        """Return pixels, and the share (N,) of each image's own label where images are mixed."""
        pixels, uniform = images, drawn.uniform
        if drawn.coefficients is not None:
            pixels = self.distorter.distort(pixels, drawn.coefficients)
        if uniform is None:
            return pixels, None
        pixels = pixels.float()
        if self.how.trivial:
            pixels = colours.trivial(pixels, *self._chosen(uniform))
        if self.colours.on:
            pixels = self.colours.changed(pixels, uniform[:, : colours.COLUMNS])
        if not self.mixing.on:
            return pixels, None
        return self.mixing.mixed(pixels, uniform[:, colours.COLUMNS : -CHOICE])

    def _chosen(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Kinds and strengths, -1 to 1, of the trivial choice."""
        kind = (uniform[:, -CHOICE] * colours.KINDS).long()
        return kind, 2 * uniform[:, -1] - 1

    def _alternating(self, places: Tensor, epoch: int) -> Tensor:
        """Each image mirrored in every other epoch, half of them in the first: Jordan 2024."""
        return coin(places, self.seed) ^ bool(epoch % 2)


def coin(places: Tensor, seed: int) -> Tensor:
    """(N,) indexes → (N,) bool that depend on each index and the seed alone."""
    bits = (places * 0x9E3779B1 + seed * 0x7F4A7C15) % (1 << 32)
    bits = ((bits ^ (bits >> 15)) * 0x2C1B3C6D) % (1 << 32)
    return ((bits ^ (bits >> 12)) & 1).bool()
