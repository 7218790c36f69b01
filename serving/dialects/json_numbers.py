"""JSON text of pixel numbers → uint8 arrays, at the speed of simdjson, without trust.

Deleting every number from such a text leaves its brackets and commas. They are compared with
those of the shapes that are allowed, so that ragged or deeply nested lists are refused before
anything is allocated; simdjson then proves the rest to be numbers while it converts them.
"""

from functools import lru_cache
from math import prod
from typing import Literal, cast

import numpy as np
import simdjson
from numpy.typing import NDArray

from serving.errors import BadRequest

Shape = tuple[int, int, int]  # C, H, W
Pixels = NDArray[np.uint8]

_NOT_STRUCTURE = b"0123456789+-.eE \t\r\n"
_GREATEST_PIXEL = 255
_KEPT_PARSER_BYTES = 1 << 20  # a parser keeps the memory of its largest document

_parser = simdjson.Parser()


def read_images(text: bytes, shape: Shape, *, limit: int) -> Pixels:
    """Read one image, [H][W] or [C][H][W], or a list of 1 to `limit` of them: (N, C, H, W)."""
    structure = text.translate(None, _NOT_STRUCTURE)
    count, rest = divmod(structure.count(b",") + 1, prod(shape))
    forms = _image_forms(shape)
    if rest or not 1 <= count <= limit or not _is_image_list(structure, count, forms):
        many = f"1 to {limit} of them" if limit > 1 else "one"
        raise BadRequest(f"images must be {wanted(shape)}, or a list of {many}")
    return _pixels(text).reshape(count, *shape)


def read_cell(text: bytes, shape: Shape) -> Pixels:
    """Read one image that may also be a flat list of its C·H·W numbers: (C, H, W)."""
    structure = text.translate(None, _NOT_STRUCTURE)
    if structure not in _image_forms(shape) and structure != _brackets((prod(shape),)):
        raise BadRequest(f"a cell of the column images must be {wanted(shape)}, or these in a row")
    return _pixels(text).reshape(shape)


def read_tensor(text: bytes, shape: tuple[int, int, int, int]) -> Pixels:
    """Read a tensor whose shape was stated and checked: its numbers in a row, or nested so."""
    structure = text.translate(None, _NOT_STRUCTURE)
    total = prod(shape)
    if structure.count(b",") + 1 != total or (
        structure != _flat(total)
        and not _is_image_list(structure, shape[0], (_brackets(shape[1:]),), alone=False)
    ):
        raise BadRequest(
            f"data must hold {total} integers 0 to 255, as the shape says: in a row or nested"
        )
    return _pixels(text).reshape(shape)


def wanted(shape: Shape) -> str:
    """Say how one image must be nested."""
    channels, height, width = shape
    alone = f"[{height}][{width}] or " if channels == 1 else ""
    return f"integers 0 to 255 nested as {alone}[{channels}][{height}][{width}]"


def _is_image_list(
    structure: bytes, count: int, forms: tuple[bytes, ...], *, alone: bool = True
) -> bool:
    if alone and count == 1 and structure in forms:
        return True
    return any(structure == b"[%b]" % b",".join([form] * count) for form in forms)


@lru_cache(maxsize=16)
def _image_forms(shape: Shape) -> tuple[bytes, ...]:
    nested = _brackets(shape)
    return (nested, _brackets(shape[1:])) if shape[0] == 1 else (nested,)


def _flat(count: int) -> bytes:
    return b"[%b]" % (b"," * (count - 1))


@lru_cache(maxsize=64)
def _brackets(shape: tuple[int, ...]) -> bytes:
    if len(shape) == 1:
        return _flat(shape[0])
    return b"[%b]" % b",".join([_brackets(shape[1:])] * shape[0])


def _pixels(text: bytes) -> Pixels:
    parser = _parser if len(text) <= _KEPT_PARSER_BYTES else simdjson.Parser()
    try:
        try:
            return _integers(parser, text)
        except (TypeError, ValueError):
            return _integral_floats(parser, text)
    except (TypeError, ValueError, RuntimeError):
        raise BadRequest("every pixel must be an integer from 0 to 255") from None


def _integers(parser: simdjson.Parser, text: bytes) -> Pixels:
    numbers = np.frombuffer(_buffer(parser, text, "u"), np.uint64)
    if numbers.max() > _GREATEST_PIXEL:
        raise ValueError
    return numbers.astype(np.uint8)


def _integral_floats(parser: simdjson.Parser, text: bytes) -> Pixels:
    """`7.0` is a 7: some languages know no integers."""
    numbers = np.frombuffer(_buffer(parser, text, "d"), np.float64)
    pixels = numbers.astype(np.uint8, casting="unsafe")
    if (pixels != numbers).any():
        raise ValueError
    return pixels


def _buffer(parser: simdjson.Parser, text: bytes, kind: Literal["u", "d"]) -> bytes:
    """Copy the numbers out; the parsed document must be gone before its parser is used again."""
    numbers: bytes = cast("simdjson.Array", parser.parse(text)).as_buffer(of_type=kind)
    return numbers
