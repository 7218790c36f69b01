"""What a data set's images look like, as far as drawing others on the same paper needs it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from contract.arrays import Images, Labels

SHARP, LARGE = 4, 96  # drawn so many times as large, then reduced; half of it from so many px
INK = 20 / 28  # of an image's side: the box that a figure fills, as MNIST's do
HALF = 127  # of the values

Covers = NDArray[np.float64]  # (H, W), how much of a pixel is ink: 0 to 1


@dataclass(frozen=True)
class World:
    """Images (N, C, H, W) with labels, and the paper and ink of a drawing beside them."""

    images: Images
    labels: Labels
    paper: NDArray[np.uint8]  # (C,) usual value at the border
    ink: int  # 0 or 255, whichever is farther from the paper

    @classmethod
    def of(cls, images: Images, labels: Labels) -> "World":
        sides = (images[:, :, 0], images[:, :, -1], images[..., 0], images[..., -1])
        paper = np.median(np.concatenate(sides, axis=2), axis=(0, 2)).astype(np.uint8)
        return cls(images, labels, paper, 0 if paper.mean() > HALF else 255)

    @property
    def shape(self) -> tuple[int, int, int]:
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def side(self) -> int:
        """Pixels of a square drawing before it is reduced."""
        small = min(self.shape[1:])
        return small * (SHARP if small < LARGE else SHARP // 2)

    def drawn(self, canvases: list[Image.Image]) -> Images:
        """(n, C, H, W): squares of `side` px in grey, whose white is ink, on the usual paper."""
        covers = np.stack([self._reduced(canvas) for canvas in canvases])[:, None]
        paper = self.paper.astype(np.float64)[None, :, None, None]
        return np.rint(paper + covers * (self.ink - paper)).astype(np.uint8)

    def _reduced(self, canvas: Image.Image) -> Covers:
        _, height, width = self.shape
        side = min(height, width)
        covers = np.zeros((height, width))
        top, left = (height - side) // 2, (width - side) // 2
        small = canvas.resize((side, side), Image.Resampling.BOX)
        covers[top : top + side, left : left + side] = np.asarray(small, np.float64) / 255
        return covers

    def pairs(
        self, most: int, generator: np.random.Generator
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Indexes of images, and of others of another class, (n,) each; n is `most` or fewer."""
        first = generator.permutation(len(self.images))[:most]
        second = generator.permutation(len(self.images))[:most]
        for place, one in enumerate(first):
            if self.labels[second[place]] == self.labels[one]:
                others = np.flatnonzero(self.labels != self.labels[one])
                second[place] = generator.choice(others) if len(others) else one
        return first, second


def lettered(
    world: World, texts: str, families: tuple[str, ...], most: int, generator: np.random.Generator
) -> Images:
    """Each of `texts` in each font in turn, in any order, a little turned and sized."""
    pairs = [(text, path) for path in _fonts(families) for text in texts]
    chosen = [pairs[at % len(pairs)] for at in generator.permutation(max(most, len(pairs)))[:most]]
    return world.drawn([_letter(world.side, text, path, generator) for text, path in chosen])


def _letter(side: int, text: str, font: Path, generator: np.random.Generator) -> Image.Image:
    """One glyph in the middle, a little turned and sized."""
    drawn = ImageFont.truetype(font, side)
    left, top, right, bottom = drawn.getbbox(text)
    glyph = Image.new("L", (max(1, int(right - left)), max(1, int(bottom - top))))
    ImageDraw.Draw(glyph).text((-left, -top), text, fill=255, font=drawn)
    glyph = glyph.rotate(generator.uniform(-8, 8), Image.Resampling.BICUBIC, expand=True)
    scale = side * INK * generator.uniform(0.85, 1) / max(glyph.size)
    width, height = (max(1, round(size * scale)) for size in glyph.size)
    canvas = Image.new("L", (side, side))
    canvas.paste(glyph.resize((width, height)), ((side - width) // 2, (side - height) // 2))
    return canvas


def _fonts(names: tuple[str, ...]) -> list[Path]:
    """Those of matplotlib's own fonts that are there."""
    from matplotlib import get_data_path  # noqa: PLC0415 - slow to import

    paths = [Path(get_data_path(), "fonts/ttf", f"{name}.ttf") for name in names]
    return [path for path in paths if path.exists()]
