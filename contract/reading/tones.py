"""Any picture as 8 bit grey or RGB: depth by its high byte, alpha onto paper, colour converted."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.reading import tiff
from contract.reading.errors import BrokenPicture

Planes: TypeAlias = NDArray[np.uint8]  # (C, H, W)
Alpha: TypeAlias = Literal["paper", "ink"]

_OPAQUE = 255


def eight_bit(image: Image.Image, *, channels: int, alpha: Alpha) -> Planes:
    """(channels, H, W); raises BrokenPicture for pixels of more than 16 bits.

    `paper` puts what is clear on white; `ink` takes alpha itself where only alpha draws: one
    visible colour throughout, or nothing visible.
    """
    if image.mode in ("I", "F"):
        raise BrokenPicture(
            "the picture has 32 bits or signs in its pixels: 8 or 16 bits for each colour, without "
            "sign, are read; convert it"
        )
    if image.mode.startswith("I;16"):
        image = tiff.grey(image)
    elif image.has_transparency_data:
        image = _with_alpha(image)
        clear = image.getchannel("A")
        image = _settled(image.convert("RGB"), clear, alpha)
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return _planes(image, channels)


def _planes(image: Image.Image, channels: int) -> Planes:
    """Band by band: in a large picture each copy more is 3 or 4 bytes for each pixel."""
    if channels == 1 or image.mode == "L":
        grey = image if image.mode == "L" else image.convert("L")
        return np.repeat(np.asarray(grey)[None], channels, axis=0)
    planes = np.empty((channels, image.height, image.width), np.uint8)
    for band, plane in enumerate(planes):
        plane[:] = np.asarray(image.getchannel(band))
    return planes


def _with_alpha(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    return image if image.mode == "RGBA" else image.convert("RGBA")


def _settled(colour: Image.Image, clear: Image.Image, alpha: Alpha) -> Image.Image:
    """RGB on white paper, or L: alpha as the ink."""
    if clear.getextrema()[0] == _OPAQUE:
        return colour
    if alpha == "ink" and _is_one_colour(colour, clear):
        return clear
    paper = Image.new("RGB", colour.size, "white")
    paper.paste(colour, mask=clear)
    return paper


def _is_one_colour(colour: Image.Image, clear: Image.Image) -> bool:
    """Whether each band has but one value where anything is visible, or nothing is."""
    counts = np.reshape(colour.histogram(mask=clear.point(_VISIBLE)), (3, 256))
    return bool(((counts > 0).sum(axis=1) <= 1).all())


_VISIBLE = [0] + [255] * 255
