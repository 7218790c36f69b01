"""PNG or JPEG bytes → uint8 tensor of the model's shape (http-api.md §1), and back to PNG.

bytes ─► type by signature ─► size against the pixel cap ─► decoded ─► upright ─► 8 bit
      ─► alpha settled ─► grey or RGB ─► taken as it is, framed as a digit, or resized
"""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from serving.errors import BadRequest, ServingError, TooLarge, UnsupportedMediaType
from serving.pictures import png
from serving.pictures.digit import fit_digit

Pixels = NDArray[np.uint8]  # (C, H, W) where not said otherwise
Fit = Literal["auto", "digit", "resize"]

JPEG_START = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
DIGIT_SHAPE = (1, 28, 28)
GREY, COLOUR = 1, 3


def decode_picture(
    data: bytes, *, shape: tuple[int, int, int], fit: Fit, max_pixels: int
) -> Pixels:
    """Give the picture as the model takes it, (C, H, W).

    BadRequest: broken, truncated; TooLarge: above max_pixels, before any is decoded;
    UnsupportedMediaType: neither PNG nor JPEG, whatever it is called.
    """
    channels, height, width = shape
    if fit != "digit" and channels == GREY and height * width <= max_pixels:
        plain = png.plain_grey(data, height=height, width=width)
        if plain is not None:
            return plain[None]
    if channels not in (GREY, COLOUR):
        raise BadRequest(f"this model takes {channels} channels, pictures have 1 or 3: send JSON")
    planes = _planes(data, max_pixels=max_pixels, grey=channels == GREY)
    exact = planes.shape[1:] == (height, width)
    if fit == "digit" or (fit == "auto" and not exact and shape == DIGIT_SHAPE):
        grey = planes[0] if channels == GREY else _grey(planes)
        return np.repeat(fit_digit(grey, height=height, width=width)[None], channels, axis=0)
    return planes if exact else np.stack([_resized(plane, height, width) for plane in planes])


def _planes(data: bytes, *, max_pixels: int, grey: bool) -> Pixels:
    """Decode within the cap; whatever a decoder makes of hostile bytes is the caller's fault."""
    try:
        image = _opened(data)
        _check_pixels(image, max_pixels)
        if isinstance(image, PngImageFile):
            png.check_whole(data)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _eight_bit(image, grey=grey)
    except ServingError:
        raise
    except Exception:  # noqa: BLE001 -- Pillow raises a dozen kinds on broken files
        raise BadRequest("the picture is broken: send a whole PNG or JPEG file") from None


def _check_pixels(image: Image.Image, most: int) -> None:
    if image.width * image.height > most:
        size = f"{image.width} by {image.height}"
        raise TooLarge(f"a picture of {size} pixels: up to {most} in all are decoded")


def _opened(data: bytes) -> Image.Image:
    """Read the head alone, by the one plugin that the signature names."""
    if data.startswith(png.SIGNATURE):
        return PngImageFile(io.BytesIO(data))
    if data.startswith(JPEG_START):
        if JPEG_END not in data:
            raise BadRequest("the JPEG is truncated: send the whole file")
        return JpegImageFile(io.BytesIO(data))
    if len(data) < len(png.SIGNATURE):
        raise BadRequest("the picture is empty or truncated: send a whole PNG or JPEG file")
    raise UnsupportedMediaType("the picture is neither PNG nor JPEG: convert it to one of them")


def _eight_bit(image: Image.Image, *, grey: bool) -> Pixels:
    """Palette, CMYK, 16 bit and alpha → grey (1, H, W) or RGB (3, H, W)."""
    alpha = None
    if image.mode.startswith("I"):  # 16-bit grey; deeper colour arrives as its high bytes
        wide = np.asarray(image)
        if "transparency" in image.info:
            alpha = np.where(wide == image.info["transparency"], 0, 255).astype(np.uint8)
        image = Image.fromarray((wide >> 8).astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        image = image.convert("RGB")
    elif image.mode != "L":
        image = image.convert("RGB")
    if alpha is not None:
        image = _without_alpha(image, alpha)
    plane = np.asarray(image.convert("L" if grey else "RGB"))
    return plane[None] if grey else np.moveaxis(plane, -1, 0)


def _without_alpha(image: Image.Image, alpha: Pixels) -> Image.Image:
    """Put on white paper; but where only alpha draws (one colour throughout), alpha is the ink."""
    if int(alpha.min()) == 255:  # noqa: PLR2004 -- opaque: nothing shows through, nothing is drawn
        return image
    colour = np.asarray(image)
    visible = colour[alpha > 0]
    if not visible.size or bool((visible == visible[0]).all()):
        return Image.fromarray(alpha)
    white = Image.new(image.mode, image.size, "white")
    return Image.composite(image, white, Image.fromarray(alpha))


def _grey(planes: Pixels) -> Pixels:
    return np.asarray(
        Image.fromarray(np.ascontiguousarray(np.moveaxis(planes, 0, -1))).convert("L")
    )


def _resized(plane: Pixels, height: int, width: int) -> Pixels:
    image = Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
