"""Numbers of any type become pixels only where each of them is an integer from 0 to 255.

Values between 0 and 1 are what frameworks hold in memory, not what the model takes: a model
would answer them with confidence, and wrongly. They are refused with what to do about it.
"""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.dialects.shape_advice import Shape
from serving.errors import BadRequest

Pixels = NDArray[np.uint8]

GREATEST = 255
SCALED = (
    "all pixels lie between 0 and 1: pixels are integers from 0 to 255, "
    "so multiply by 255 and round"
)


def as_pixels(numbers: NDArray[Any], *, pixels: int) -> Pixels:
    """Cast integral values; BadRequest names the image (of `pixels` numbers each) and the fault."""
    if numbers.dtype == np.uint8:
        return numbers
    with np.errstate(invalid="ignore"):  # NaN and 1e9 have no uint8; they are found below
        cast: Pixels = numbers.astype(np.uint8, casting="unsafe")
    differs = cast != numbers
    if differs.any():
        raise BadRequest(_fault(numbers.reshape(-1), int(differs.reshape(-1).argmax()), pixels))
    return cast


def raw_images(body: bytes, shape: Shape, *, limit: int) -> Pixels:
    """N·C·H·W bytes; N follows from the length. (N, C, H, W)."""
    count, rest = divmod(len(body), prod(shape))
    if rest or not 1 <= count <= limit:
        raise BadRequest(
            f"{len(body)} bytes that are no picture: raw pixels are {prod(shape)} bytes for each "
            f"of 1 to {limit} images"
        )
    return np.frombuffer(body, np.uint8).reshape(count, *shape)


def refuse_scaled(images: Pixels, *, is_bright: bool) -> None:
    """Raise BadRequest for 0/1 images (any 1, nothing above), where the training set has brighter.

    The first image's outermost pixel above 1 decides it for nearly every request.
    """
    if is_bright and not images[0].tobytes().strip(b"\0\1") and images.max() == 1:
        raise BadRequest(SCALED)


def _fault(numbers: NDArray[Any], at: int, pixels: int) -> str:
    value = numbers[at]
    if numbers.dtype.kind == "f" and numbers.min() >= 0 and numbers.max() <= 1:
        return SCALED
    if not np.isfinite(value):
        kind = "is not finite"
    elif value < 0:
        kind = "is negative"
    elif value > GREATEST:
        kind = f"is above {GREATEST}"
    else:
        kind = "is a fraction"
    place, number = divmod(at, pixels)
    rule = f"every pixel must be an integer from 0 to {GREATEST}"
    return f"image {place}: number {number} {kind}: {rule}"
