"""TIFF: whether all its pages' pixels lie within the file; and grey of depths Pillow leaves as is.

(TIFF 6.0, section 2: header, image file directories, entries of 12 bytes; sections 3, 8 and 15.)
"""

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from contract.reading.errors import cut, damaged

_WIDTH, _LENGTH, _BANDS, _PLANAR = 256, 257, 277, 284
_STRIPS, _TILES = (273, 279), (324, 325)  # offsets and byte counts
_STRIP_ROWS, _TILE_WIDTH, _TILE_LENGTH = 278, 322, 323
_WANTED = frozenset(
    (_WIDTH, _LENGTH, _BANDS, _PLANAR, *_STRIPS, *_TILES, _STRIP_ROWS, _TILE_WIDTH, _TILE_LENGTH)
)
_SEPARATE = 2  # planes
_TYPES = {3: "H", 4: "I"}
_MOST_PAGES = 10_000
_BITS, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


def check_whole(data: bytes) -> None:
    """Raise BrokenPicture where directories or pixels of any page lie beyond the end."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        for page, tags in enumerate(_pages(data, order)):
            for offsets, counts in (_STRIPS, _TILES):
                pairs = zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False)
                if any(offset + count > len(data) for offset, count in pairs):
                    raise cut("TIFF")
            found = max(len(tags.get(offsets, ())) for offsets, _ in (_STRIPS, _TILES))
            if page == 0 and found < _parts(tags):  # the one that is read
                raise damaged("TIFF", "strips or tiles are missing")
    except struct.error:
        raise cut("TIFF") from None


def _parts(tags: dict[int, tuple[int, ...]]) -> int:
    """How many strips or tiles make the page."""

    def value(tag: int, otherwise: int) -> int:
        return (*tags.get(tag, ()), otherwise)[0]

    width, height = value(_WIDTH, 0), value(_LENGTH, 0)
    across = 1
    down = value(_STRIP_ROWS, height)
    if _TILES[0] in tags:
        across, down = value(_TILE_WIDTH, width), value(_TILE_LENGTH, height)
        across = -(-width // max(1, across))
    planes = value(_BANDS, 1) if value(_PLANAR, 1) == _SEPARATE else 1
    return across * -(-height // max(1, down)) * planes


def grey(image: Image.Image) -> Image.Image:
    """16- and 12-bit grey → 8 bit, by the high bits and with white as white."""
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    bits = tags.get(_BITS, (16,))
    plane = (np.asarray(image) >> (4 if bits == (12,) else 8)).astype(np.uint8)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        plane = 255 - plane
    return Image.fromarray(plane)


def _pages(data: bytes, order: str) -> Iterator[dict[int, tuple[int, ...]]]:
    (at,) = struct.unpack_from(order + "I", data, 4)
    for _ in range(_MOST_PAGES):
        if not at:
            return
        (count,) = struct.unpack_from(order + "H", data, at)
        yield dict(_entries(data, order, at + 2, count))
        (at,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
    raise damaged("TIFF", f"more than {_MOST_PAGES} pages, or a circle of them")


def _entries(data: bytes, order: str, at: int, count: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Those that say where pixels are."""
    for index in range(count):
        tag, kind, length = struct.unpack_from(order + "HHI", data, at + 12 * index)
        if tag not in _WANTED or kind not in _TYPES:
            continue
        layout = order + f"{length}{_TYPES[kind]}"
        place = at + 12 * index + 8
        if struct.calcsize(layout) > 4:  # noqa: PLR2004 - does not fit the entry
            (place,) = struct.unpack_from(order + "I", data, place)
        yield tag, struct.unpack_from(layout, data, place)
