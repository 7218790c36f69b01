"""A .npy file → (N, C, H, W) uint8; the header is parsed as a literal, nothing is unpickled."""

import io
from math import prod

import numpy as np
from numpy.lib import format as npy_format

from serving.dialects.pixel_values import Pixels, as_pixels
from serving.dialects.shape_advice import Shape, wrong_shape
from serving.errors import BadRequest

SIGNATURE = b"\x93NUMPY"
_NUMBERS = "biuf"  # kinds of dtype: bool, integers, floats


def images(body: bytes, shape: Shape, *, limit: int) -> Pixels:
    """Read [N,C,H,W], or for one channel [N,H,W] and [H,W], of integral values 0 to 255."""
    stream = io.BytesIO(body)
    try:
        version = npy_format.read_magic(stream)
        read = {
            (1, 0): npy_format.read_array_header_1_0,
            (2, 0): npy_format.read_array_header_2_0,
        }[version]
        stored, is_fortran, dtype = read(stream)
    except (ValueError, KeyError, EOFError, TypeError, OverflowError, RecursionError, MemoryError):
        raise BadRequest("the body is not a .npy file of version 1 or 2") from None
    if dtype.kind not in _NUMBERS:
        raise BadRequest("the array holds no numbers: give uint8")
    full = _full_shape(stored, shape)
    if full is None:
        raise wrong_shape(stored, shape)
    if not 1 <= full[0] <= limit:
        raise BadRequest(f"{full[0]} images given: give 1 to {limit}")
    content = memoryview(body)[stream.tell() :]
    if len(content) != prod(full) * dtype.itemsize:
        raise BadRequest(f"{len(content)} bytes follow the header: its shape says other")
    numbers = np.frombuffer(content, dtype).reshape(stored, order="F" if is_fortran else "C")
    return as_pixels(np.ascontiguousarray(numbers).reshape(full), pixels=prod(shape))


def _full_shape(stored: tuple[int, ...], shape: Shape) -> tuple[int, int, int, int] | None:
    """Fill in what an array of one image, or of one channel, may leave out; None: no fit."""
    channels, height, width = shape
    if len(stored) == 4 and stored[1:] == shape:  # noqa: PLR2004 -- N, C, H, W
        return (stored[0], *shape)
    if channels == 1 and stored[-2:] == (height, width) and len(stored) in {2, 3}:
        return (stored[0] if len(stored) == 3 else 1, *shape)  # noqa: PLR2004 -- N, H, W
    return (1, *shape) if stored == shape else None
