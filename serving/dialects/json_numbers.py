"""JSON text of pixel numbers → uint8 arrays, at the speed of simdjson, without trust.

Deleting every number from such a text leaves its brackets and commas. They are compared with
those of the shapes that are allowed, so that ragged or deeply nested lists are refused before
anything is allocated; simdjson then proves the rest to be numbers while it converts them.
"""

import threading
from collections.abc import Iterator
from functools import lru_cache
from math import prod
from typing import Literal, cast

import numpy as np
import simdjson

from serving.dialects.pixel_values import Pixels, as_pixels
from serving.dialects.shape_advice import Shape, brackets, nested_shape, wrong_shape
from serving.errors import BadRequest

_NOT_STRUCTURE = b"0123456789+-.eE \t\r\n"
_GREATEST_PIXEL = 255
AT_ONCE_BYTES = 1 << 20  # a parser keeps the memory of its largest document
_PIECE_BYTES = 256 << 10
_ADVISED_BYTES = 4 << 20  # of brackets and commas that are looked into for the error's text

_NUMBER, _SPACE = b"0123456789+-.eE", b" \t\r\n"
_AS_ZEROS = bytes.maketrans(_NUMBER, b"0" * len(_NUMBER))
_AS_SPACES = bytes.maketrans(b"[]", b"  ")
_MISPLACED = (b"[]", b"[,", b",]", b",,", b"]0", b"0[", b"][")  # numbers missing, or between lists

_of_thread = threading.local()


def read_images(text: bytes, shape: Shape, *, limit: int) -> Pixels:
    """Read one image, [H][W] or [C][H][W], or a list of 1 to `limit` of them: (N, C, H, W)."""
    structure = _structure(text)
    count, rest = divmod(structure.count(b",") + 1, prod(shape))
    forms = _image_forms(shape)
    if rest or not 1 <= count <= limit or not _is_image_list(structure, count, forms):
        many = f"1 to {limit} of them" if limit > 1 else "one"
        raise _advised(structure, shape, f"images must be {wanted(shape)}, or a list of {many}")
    return _pixels(text, prod(shape)).reshape(count, *shape)


def read_list(text: bytes, shape: Shape, *, limit: int) -> Pixels:
    """Read a list of 1 to `limit` images, each [H][W] or [C][H][W]: (N, C, H, W)."""
    structure = _structure(text)
    count, rest = divmod(structure.count(b",") + 1, prod(shape))
    forms = _image_forms(shape)
    if rest or not 1 <= count <= limit or not _is_image_list(structure, count, forms, alone=False):
        rule = f"instances must be a list of 1 to {limit} images, each {wanted(shape)}"
        raise _advised(structure, shape, rule)
    return _pixels(text, prod(shape)).reshape(count, *shape)


def read_cell(text: bytes, shape: Shape) -> Pixels:
    """Read one image that may also be a flat list of its C·H·W numbers: (C, H, W)."""
    structure = _structure(text)
    if structure not in _image_forms(shape) and structure != brackets((prod(shape),)):
        rule = f"a cell of the column images must be {wanted(shape)}, or these in a row"
        raise _advised(structure, shape, rule)
    return _pixels(text, prod(shape)).reshape(shape)


def read_tensor(text: bytes, shape: tuple[int, int, int, int]) -> Pixels:
    """Read a tensor whose shape was stated and checked: its numbers in a row, or nested so."""
    structure = _structure(text)
    total = prod(shape)
    if structure.count(b",") + 1 != total or (
        structure != brackets((total,))
        and not _is_image_list(structure, shape[0], (_nested(shape[1:]),), alone=False)
    ):
        raise BadRequest(
            f"data must hold {total} integers 0 to 255, as the shape says: in a row or nested"
        )
    return _pixels(text, prod(shape[1:])).reshape(shape)


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
    nested = _nested(shape)
    return (nested, _nested(shape[1:])) if shape[0] == 1 else (nested,)


_nested = lru_cache(maxsize=64)(brackets)


def _advised(structure: bytes, shape: Shape, rule: str) -> BadRequest:
    """The rule; with the shape that was seen, where it is another one than the rule's."""
    if not structure.startswith(b"[") or len(structure) > _ADVISED_BYTES:
        return BadRequest(rule)
    if structure.translate(None, b"[],"):
        return BadRequest(f"{rule}: something else than numbers is among them")
    seen = nested_shape(structure)
    if seen is None:
        return BadRequest(f"{rule}: the lists are ragged, or deeper than images")
    if seen[-3:] == shape or (shape[0] == 1 and seen[-2:] == shape[1:]):
        return BadRequest(f"{rule}: the shape seen is {list(seen)}")
    advice = wrong_shape(seen, shape)
    return BadRequest(f"{rule}: {advice}")


def _structure(text: bytes) -> bytes:
    starts = range(0, len(text), AT_ONCE_BYTES)
    pieces = [text[at : at + AT_ONCE_BYTES].translate(None, _NOT_STRUCTURE) for at in starts]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _pixels(text: bytes, pixels: int) -> Pixels:
    """Read the numbers of a text whose structure was compared."""
    try:
        try:
            if len(text) <= AT_ONCE_BYTES:
                return _integers(text)
            return np.concatenate([_integers(piece) for piece in _pieces(text)])
        except (TypeError, ValueError):
            return _integral_floats(text, pixels)
    except (TypeError, ValueError, RuntimeError):
        raise BadRequest("every pixel must be an integer from 0 to 255") from None


def _pieces(text: bytes) -> Iterator[bytes]:
    """Cut a large text at commas into flat lists; raises ValueError for a number out of place.

    Parsed as a whole it would take eight times its memory, and the interpreter for as long.
    """
    start = 0
    while start <= len(text):
        comma = text.find(b",", start + _PIECE_BYTES)
        end = comma if comma >= 0 else len(text)
        around = text[max(0, start - 1) : end + 1].translate(_AS_ZEROS, _SPACE)
        if any(pair in around for pair in _MISPLACED):
            raise ValueError
        yield b"[%b]" % text[start:end].translate(_AS_SPACES)
        start = end + 1


def _integers(text: bytes) -> Pixels:
    numbers = np.frombuffer(_buffer(text, "u"), np.uint64)
    if numbers.max() > _GREATEST_PIXEL:
        raise ValueError
    return numbers.astype(np.uint8)


def _integral_floats(text: bytes, pixels: int) -> Pixels:
    """`7.0` is a 7: some languages know no integers."""
    pieces = [text] if len(text) <= AT_ONCE_BYTES else _pieces(text)
    found = [np.frombuffer(_buffer(piece, "d"), np.float64) for piece in pieces]
    return as_pixels(np.concatenate(found), pixels=pixels)


def _buffer(text: bytes, kind: Literal["u", "d"]) -> bytes:
    """Copy the numbers out; the parsed document must be gone before its parser is used again."""
    parser = _of_thread.__dict__.get("parser")
    if parser is None:
        parser = _of_thread.parser = simdjson.Parser()
    numbers: bytes = cast("simdjson.Array", parser.parse(text)).as_buffer(of_type=kind)
    return numbers
