"""PNG by its chunks: whether the file is whole, and a short way for grey pictures of one size.

The short way leaves zlib and the row filters to Pillow's decoder and skips its file plumbing,
which costs as much again. Anything out of the ordinary takes the long way (images.py).
(PNG specification, third edition, section 5: chunk = length, type, data, CRC.)
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serving.errors import BadRequest

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 20_000  # 8 KB of IDAT each make 160 MB
_HEAD = struct.Struct(">I4s")
_AROUND = 12  # bytes of length, type and CRC
_GREY_8_BIT = b"\x08\x00\x00\x00\x00"  # depth, colour, compression, filter, no interlace
_HARMLESS = frozenset({b"pHYs", b"gAMA", b"sRGB", b"cHRM", b"tIME"})


def check_whole(data: bytes) -> None:
    """Raise BadRequest unless the chunks lead to IEND within the bytes."""
    position = len(SIGNATURE)
    for _ in range(MOST_CHUNKS):
        if position + _AROUND > len(data):
            raise BadRequest("the PNG is truncated: send the whole file")
        length, kind = _HEAD.unpack_from(data, position)
        position += _AROUND + length
        if kind == b"IEND" and position <= len(data):
            return
    raise BadRequest(f"the PNG has too many chunks: up to {MOST_CHUNKS} are read")


def plain_grey(data: bytes, *, height: int, width: int) -> NDArray[np.uint8] | None:
    """Give a whole 8-bit grey PNG of exactly that size, without alpha or EXIF; else None."""
    start = SIGNATURE + b"\0\0\0\x0dIHDR" + struct.pack(">II", width, height) + _GREY_8_BIT
    if not data.startswith(start):
        return None
    position, parts = len(SIGNATURE), []
    while position + _AROUND <= len(data):
        length, kind = _HEAD.unpack_from(data, position)
        end = position + 8 + length
        if zlib.crc32(data[position + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return None
        if kind == b"IDAT":
            parts.append(data[position + 8 : end])
        elif kind == b"IEND":
            return _inflated(b"".join(parts), height=height, width=width)
        elif kind not in _HARMLESS and position != len(SIGNATURE):
            return None
        position = end + 4
    return None


def _inflated(stream: bytes, *, height: int, width: int) -> NDArray[np.uint8] | None:
    try:
        image = Image.frombytes("L", (width, height), stream, "zip", "L", 0)
    except (ValueError, OSError):
        return None
    return np.frombuffer(image.tobytes(), np.uint8).reshape(height, width)
