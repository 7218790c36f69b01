"""JPEG: decoded no larger than needed; one that only lacks its end mark, unlike one that is cut.

libjpeg fills what is missing with grey and hardly says so. But where all coefficients came before
the end of the data, other bytes put there change no pixel; where they did not, they do.
"""

import hashlib
import io
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from contract.reading.errors import cut, damaged

END = b"\xff\xd9"
_FILLERS = (b"", b"\xa5\x5a\x3c" * 43, b"\xff\x00" * 64)
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")  # but those without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # less tables and an extension
_SPECTRAL = frozenset({0xC2, 0xC6, 0xCA, 0xCE})  # progressive: scans of some coefficients
_SCAN, _END_MARK = 0xDA, 0xD9
_COEFFICIENTS = 64
_STRIP = 256  # rows hashed at once

Size = tuple[int, int]  # width, height


class Frame(NamedTuple):
    width: int
    height: int
    progressive: bool
    components: tuple[int, ...]  # their names
    samples: int  # of all components, with what fills the last blocks

    @property
    def size(self) -> Size:
        return self.width, self.height


def opened(data: bytes) -> JpegImageFile:
    return JpegImageFile(io.BytesIO(data))


def frame(data: bytes) -> Frame:
    """What the first frame header says (ITU-T T.81, B.2.2); raises BrokenPicture."""
    for kind, _, segment in segments(data):
        if kind in _FRAMES:
            try:
                return _frame(kind, segment)
            except (struct.error, IndexError):
                break
        if kind == _SCAN:
            break
    raise damaged("JPEG", "no frame header")


def is_in_parts(data: bytes) -> bool:
    """Whether the coefficients of the whole picture must be kept: they come in several scans."""
    head = frame(data)
    first = next((segment for kind, _, segment in segments(data) if kind == _SCAN), b"")
    return head.progressive or first[:1] < bytes([len(head.components)])


def lacks_end(data: bytes) -> bool:
    """Whether no end mark follows the first scan's head: such a file is decoded at full size."""
    first = next((place for kind, place, _ in segments(data) if kind == _SCAN), len(data))
    return data.rfind(END) < first


def completed(data: bytes, least: Size | None) -> Image.Image:
    """Decode a file that ends without its end mark; raises BrokenPicture where more is missing.

    The comparison is at full size, whatever is asked for: less shows less of what is missing.
    """
    data = data.removesuffix(b"\xff")  # half an end mark
    if not _has_all_scans(data) or len({_fingerprint(data + filler) for filler in _FILLERS}) > 1:
        raise cut("JPEG")
    image = opened(data + END)
    image.draft(None, least)
    image.load()
    return image


def segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Marker, place and data of each segment up to the end mark, past entropy-coded data."""
    at = 2
    while found := _MARKER.search(data, at):
        kind, start = found[1][0], found.end()
        if kind == _END_MARK or start + 2 > len(data):
            return
        length = int.from_bytes(data[start : start + 2], "big")
        yield kind, start, data[start + 2 : start + length]
        at = start + max(2, length)


def _frame(kind: int, segment: bytes) -> Frame:
    _, height, width, count = struct.unpack_from(">BHHB", segment)
    parts = [segment[6 + 3 * index : 9 + 3 * index] for index in range(count)]
    ratios = [(part[1] >> 4, part[1] & 15) for part in parts]
    across, down = max(ratio[0] for ratio in ratios), max(ratio[1] for ratio in ratios)
    if not across or not down:
        raise IndexError
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    samples = units * sum(ratio[0] * ratio[1] for ratio in ratios) * _COEFFICIENTS
    return Frame(width, height, kind in _SPECTRAL, tuple(part[0] for part in parts), samples)


def _fingerprint(data: bytes) -> bytes:
    image = opened(data + END)
    image.load()
    digest = hashlib.blake2b()
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height)))
        digest.update(strip.tobytes())
    return digest.digest()


def _has_all_scans(data: bytes) -> bool:
    """Whether every coefficient was sent, to its last bit (ITU-T T.81, G.1.1.1)."""
    head = frame(data)
    shift = dict.fromkeys(((name, k) for name in head.components for k in range(64)), 16)
    for kind, _, segment in segments(data):
        if kind != _SCAN or not segment or len(segment) < 4 + 2 * segment[0]:
            continue
        first, last, bits = segment[1 + 2 * segment[0] : 4 + 2 * segment[0]]
        for name in segment[1 : 1 + 2 * segment[0] : 2]:
            for k in range(first, last + 1) if head.progressive else range(_COEFFICIENTS):
                shift[name, k] = bits & 15 if head.progressive else 0
    return not any(shift.values())
