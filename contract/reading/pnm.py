"""PBM, PGM and PPM, raw and plain, with any greatest value; Pillow's loop over them in Python.

(netpbm's pbm(5), pgm(5) and ppm(5).)
"""

import re
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.reading.errors import cut, damaged

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_NUMBER = rb"0*(\d{1,9})"
_SIZE = _GAP + _NUMBER + _GAP + _NUMBER
_BIT_MAP = re.compile(rb"P([14])" + _SIZE + rb"\s")
_PIXEL_MAP = re.compile(rb"P([2356])" + _SIZE + _GAP + _NUMBER + rb"\s")
_COMMENT = re.compile(rb"#[^\r\n]*")
_NUMBERS = re.compile(rb"[0-9\s]*")
_LONGEST_HEAD = 4096  # bytes
_ONE_BYTE, _TWO_BYTES = 255, 65535  # the greatest values
_PLAIN_BITS, _BITS, _COLOURED = 1, 4, (3, 6)
_NAME = "PBM, PGM or PPM"

Values: TypeAlias = NDArray[np.unsignedinteger[Any]]


class Head(NamedTuple):
    kind: int  # 1 to 6; 1 to 3 are plain: numbers written out
    width: int
    height: int
    greatest: int  # value, white
    start: int  # of the pixels

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


def head(data: bytes) -> Head | None:
    """None: these are not such a file's first bytes."""
    start = data[:_LONGEST_HEAD]
    if found := _BIT_MAP.match(start):
        return Head(int(found[1]), int(found[2]), int(found[3]), 1, found.end())
    found = _PIXEL_MAP.match(start)
    if found and 1 <= int(found[4]) <= _TWO_BYTES:
        kind, width, height, greatest = (int(number) for number in found.groups())
        return Head(kind, width, height, greatest, found.end())
    return None


def decoded(data: bytes) -> Image.Image:
    """Mode L or RGB: scaled to 255, or where a value has two bytes, to 65535 for the high byte.

    Raises BrokenPicture for a value above the greatest, and where values are missing.
    """
    first = head(data)
    if first is None or 0 in first.size:
        raise damaged(_NAME, "no pixels")
    if first.kind == _BITS:
        return _bits(data, first)
    bands = 3 if first.kind in _COLOURED else 1
    count = first.width * first.height * bands
    values: Values
    if first.kind == _PLAIN_BITS:
        values = 1 - _plain_bits(data, first.start, count)  # 1 is black
    elif first.kind < _BITS:
        values = _plain(data, first, count)
    else:
        values = _raw(data, first, count)
    if int(values.max()) > first.greatest:
        raise damaged(_NAME, f"a value above {first.greatest}, the greatest its head allows")
    shape = (first.height, first.width, bands) if bands > 1 else (first.height, first.width)
    return Image.fromarray(_scaled(values, first.greatest).reshape(shape))


def _scaled(values: Values, greatest: int) -> NDArray[np.uint8]:
    if greatest == _ONE_BYTE:
        return values.astype(np.uint8)
    steps = np.arange(greatest + 1, dtype=np.int64)
    top = _ONE_BYTE if greatest < _ONE_BYTE else _TWO_BYTES
    full = (2 * top * steps + greatest) // (2 * greatest)  # rounded
    table = (full >> 8 if top == _TWO_BYTES else full).astype(np.uint8)
    return table[values]


def _raw(data: bytes, first: Head, count: int) -> Values:
    dtype: np.dtype[np.unsignedinteger[Any]]
    dtype = np.dtype(np.uint8) if first.greatest <= _ONE_BYTE else np.dtype(np.uint16)
    if len(data) - first.start < count * dtype.itemsize:
        raise cut(_NAME)
    return np.frombuffer(data, dtype.newbyteorder(">"), count, first.start)


def _bits(data: bytes, first: Head) -> Image.Image:
    """Rows of whole bytes; 1 is black."""
    row = (first.width + 7) // 8
    if len(data) - first.start < row * first.height:
        raise cut(_NAME)
    rows = np.frombuffer(data, np.uint8, row * first.height, first.start).reshape(-1, row)
    ink = np.unpackbits(rows, axis=1, count=first.width)
    return Image.fromarray((1 - ink) * np.uint8(_ONE_BYTE))


def _plain_bits(data: bytes, start: int, count: int) -> NDArray[np.uint8]:
    """Digits, with or without space between them."""
    digits = b"".join(_COMMENT.sub(b" ", data[start:]).split())[:count]
    if digits.strip(b"01"):
        raise damaged(_NAME, "a pixel that is neither 0 nor 1")
    if len(digits) < count:
        raise cut(_NAME)
    return np.frombuffer(digits, np.uint8) - np.uint8(ord("0"))


def _plain(data: bytes, first: Head, count: int) -> Values:
    """Numbers; behind the last one stands a space, else it may have lost digits."""
    text = _COMMENT.sub(b" ", data[first.start :])
    numbers = _NUMBERS.match(text)
    end = numbers.end() if numbers else 0
    whole = text[:end] if end < len(text) else text[: len(text.rstrip(b"0123456789"))]
    # given a count, numpy leaves what is missing to chance (2.4)
    values = np.fromstring(whole.decode("ascii"), np.int64, sep=" ")[:count]
    if values.size < count:
        raise damaged(_NAME, "something else than numbers") if end < len(text) else cut(_NAME)
    return values.clip(0, _TWO_BYTES).astype(np.uint16)
