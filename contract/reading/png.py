"""PNG by its chunks: whether the file is whole, what of it draws, and a short way for grey ones.

Pillow gets a file of what draws alone: no texts that unpack to megabytes, no animation, and one
clear colour where the format allows more depth than Pillow compares.
(PNG specification, third edition: 5 chunks = length, type, data, CRC; 11.3.1.1 tRNS.)
"""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import _Tile
from PIL.PngImagePlugin import PngImageFile

from contract.reading.errors import cut, damaged

Parts: TypeAlias = Sequence[bytes | memoryview]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 200_000  # 8 KB of IDAT each make 1.6 GB
_HEAD = struct.Struct(">I4s")
_OPTIONAL = 0x20  # of a type's first letter: it is a small one
_BEHIND_HEAD = 33  # signature and first chunk
_AROUND = 12  # bytes of length, type and CRC
_FIRST = b"\0\0\0\x0dIHDR"
_GREY_8_BIT = b"\x08\x00\x00\x00\x00"  # depth, colour, compression, filter, no interlace
_GREY, _COLOUR = 0, 2  # colour types that have a clear colour
_BANDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = (  # first row and column, steps down and across
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
_PART = 1 << 20  # bytes inflated at once
_DEEP = 16  # bits
_DRAW = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_CLEAR, _EXIF = b"tRNS", b"eXIf"


def size(data: bytes) -> tuple[int, int]:
    """Width and height, from the first chunk."""
    if data[8:16] != _FIRST or len(data) < _BEHIND_HEAD:
        raise damaged("PNG", "no head")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def decoded(data: bytes) -> Image.Image:
    """Of a whole file, its default picture; raises BrokenPicture, or what Pillow does."""
    chunks, parts = _drawing(data)
    depth, kind = data[24], data[25]
    clear = chunks.pop(_CLEAR, b"") if kind in (_GREY, _COLOUR) else b""
    if clear and depth < _DEEP:
        chunks[_CLEAR] = _as_pillow_compares(clear, depth, kind)
    rest = [piece for name, body in chunks.items() for piece in _chunk(name, [body])]
    file = b"".join((data[:_BEHIND_HEAD], *rest, *_chunk(b"IDAT", parts), *_chunk(b"IEND", [])))
    image = PngImageFile(io.BytesIO(file))
    image.load()
    last = image.crop((0, image.height - 1, image.width, image.height)).tobytes()
    if (data[28] or not last.strip(b"\0")) and _is_short(parts, _raw_length(data)):
        raise cut("PNG")
    return _with_alpha(image, file, clear) if clear and depth == _DEEP else image


def plain_grey(data: bytes, *, height: int, width: int) -> NDArray[np.uint8] | None:
    """Give a whole 8-bit grey PNG of exactly that size, without alpha or EXIF; else None.

    Saves Pillow's file plumbing, which costs as much again; same pixels as the long way.
    """
    start = SIGNATURE + _FIRST + struct.pack(">II", width, height) + _GREY_8_BIT
    is_it = data.startswith(start) and len(data) < _AROUND * MOST_CHUNKS
    if not is_it or zlib.crc32(data[12:29]) != int.from_bytes(data[29:33], "big"):
        return None
    position, parts = _BEHIND_HEAD, []
    while position + _AROUND <= len(data):  # as _walk does, without its detours
        length, kind = _HEAD.unpack_from(data, position)
        end = position + 8 + length
        if zlib.crc32(data[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return None
        if kind == b"IDAT":
            parts.append(data[position + 8 : end])
        elif kind == b"IEND":
            return _inflated(b"".join(parts), height=height, width=width)
        elif not kind[0] & _OPTIONAL or kind in (_CLEAR, _EXIF):
            return None
        position = end + 4
    return None


def _drawing(data: bytes) -> tuple[dict[bytes, bytes], Parts]:
    """Palette, clear colour and EXIF, each the first of its kind; and the data of all IDAT."""
    chunks: dict[bytes, bytes] = {}
    parts: list[memoryview] = []
    view = memoryview(data)  # copies nothing: files may be large
    for kind, start, end in _walk(data):
        if kind == b"IDAT":
            parts.append(view[start:end])
        elif kind == _EXIF or (kind in (b"PLTE", _CLEAR) and not parts):
            chunks.setdefault(kind, data[start:end])
    return chunks, parts


def _walk(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's type and the place of its data, behind the first; raises BrokenPicture."""
    position, view = len(SIGNATURE), memoryview(data)
    for _ in range(MOST_CHUNKS):
        if position + _AROUND > len(data):
            raise cut("PNG")
        length, kind = _HEAD.unpack_from(data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise cut("PNG")
        if zlib.crc32(view[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise damaged("PNG", "a checksum is wrong")
        if kind == b"IEND":
            return
        if not kind[0] & _OPTIONAL and kind not in _DRAW:
            raise damaged("PNG", "an unknown chunk that it cannot do without")
        if position > len(SIGNATURE):
            yield kind, position + 8, end
        position = end + 4
    raise damaged("PNG", f"more than {MOST_CHUNKS} chunks")


def _chunk(kind: bytes, parts: Parts) -> Iterator[bytes | memoryview]:
    """Its pieces: one chunk of several parts."""
    yield _HEAD.pack(sum(map(len, parts)), kind)
    check = zlib.crc32(kind)
    for part in parts:
        check = zlib.crc32(part, check)
        yield part
    yield check.to_bytes(4, "big")


def _as_pillow_compares(clear: bytes, depth: int, kind: int) -> bytes:
    """Bits that the depth has, and where Pillow scales 2 and 4 bits to 8, scaled."""
    count = 1 if kind == _GREY else 3
    most = (1 << depth) - 1
    values = [value & most for value in struct.unpack_from(f">{count}H", clear)]
    if kind == _GREY and depth in (2, 4):
        values = [value * 255 // most for value in values]
    return struct.pack(f">{count}H", *values)


def _with_alpha(image: PngImageFile, file: bytes, clear: bytes) -> Image.Image:
    """Grey or RGB of high bytes, clear where all 16 bits are the clear colour's."""
    if image.mode != "RGB":
        wide = np.asarray(image)
        high = Image.fromarray((wide >> 8).astype(np.uint8))
        is_clear = wide == struct.unpack_from(">H", clear)[0]
    else:
        low = PngImageFile(io.BytesIO(file))
        place = low.tile[0]
        low.tile = [_Tile(place.codec_name, place.extents, place.offset, "RGB;16L")]
        high, key = image, np.frombuffer(clear[:6], np.uint8).reshape(3, 2)
        is_clear = ((np.asarray(image) == key[:, 0]) & (np.asarray(low) == key[:, 1])).all(axis=-1)
    turned = high.copy()
    turned.putalpha(Image.fromarray(np.where(is_clear, 0, 255).astype(np.uint8)))
    turned.info = image.info
    return turned


def _inflated(stream: bytes, *, height: int, width: int) -> NDArray[np.uint8] | None:
    try:
        raw = Image.frombytes("L", (width, height), stream, "zip", "L", 0).tobytes()
    except (ValueError, OSError):
        return None
    if not raw[-width:].strip(b"\0") and _is_short([stream], height * (width + 1)):
        return None
    return np.frombuffer(raw, np.uint8).reshape(height, width)


def _raw_length(data: bytes) -> int:
    """Bytes of all rows with their filter types (section 7.2; 8.1 for interlaced ones)."""
    width, height = size(data)
    bits = data[24] * _BANDS.get(data[25], 1)
    passes = _ADAM7 if data[28] else ((0, 0, 1, 1),)
    total = 0
    for top, left, down, across in passes:
        rows, columns = -(-(height - top) // down), -(-(width - left) // across)
        total += max(rows, 0) * (1 + (columns * bits + 7) // 8) if columns > 0 else 0
    return total


def _is_short(parts: Parts, most: int) -> bool:
    """Whether it inflates to less; Pillow leaves what is missing black, and says nothing.

    Asked only where the last row is black: inflating takes half of decoding.
    """
    inflater = zlib.decompressobj()
    total, rest = 0, b"".join(parts)
    while total < most and not inflater.eof:
        part = inflater.decompress(rest, min(most - total, _PART))
        rest = inflater.unconsumed_tail
        if not part and not rest:
            break
        total += len(part)
    return total < most
