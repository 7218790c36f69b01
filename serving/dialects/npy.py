"""A uint8 .npy file → (N, C, H, W); the header is parsed as a literal, nothing is unpickled."""

import io
from math import prod

import numpy as np
from numpy.lib import format as npy_format

from serving.dialects.json_numbers import Shape
from serving.errors import BadRequest
from serving.models.model import Images


def images(body: bytes, shape: Shape, *, limit: int) -> Images:
    """Read [N,C,H,W], or for one channel [N,H,W] and [H,W]; raises BadRequest."""
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
    full = _full_shape(stored, shape)
    if dtype != np.uint8 or full is None or not 1 <= full[0] <= limit:
        raise BadRequest(
            f"the array is {stored} {dtype.name}: give uint8 [N, {', '.join(map(str, shape))}], "
            f"N from 1 to {limit}"
        )
    content = body[stream.tell() :]
    if len(content) != prod(full):
        raise BadRequest(f"{len(content)} bytes follow the header: its shape says {prod(full)}")
    pixels = np.frombuffer(content, np.uint8)
    array = pixels.reshape(stored, order="F" if is_fortran else "C")
    return np.ascontiguousarray(array).reshape(full)


def _full_shape(stored: tuple[int, ...], shape: Shape) -> tuple[int, int, int, int] | None:
    """Fill in what a one-channel array may leave out; None if it does not fit."""
    channels, height, width = shape
    if len(stored) == 4 and stored[1:] == shape:  # noqa: PLR2004 -- N, C, H, W
        return (stored[0], *shape)
    if channels == 1 and stored[-2:] == (height, width) and len(stored) in {2, 3}:
        return (stored[0] if len(stored) == 3 else 1, *shape)  # noqa: PLR2004 -- N, H, W
    return None
