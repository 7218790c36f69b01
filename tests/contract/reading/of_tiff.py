"""TIFF files: depths, byte orders, photometry and packing; packed ones by Pillow."""

import io
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from PIL import Image

from contract.reading.errors import BrokenPicture
from tests.contract.reading.case import (
    COARSE,
    LOSSY,
    Bytes,
    Case,
    Samples,
    clear,
    colour,
    damaged,
    grey,
    on_white,
    turned,
    wide,
)

Order: TypeAlias = Literal["<", ">"]
Tags: TypeAlias = Mapping[int, tuple[int, ...]]

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
_WIDTH, _LENGTH, _BITS, _PACKING, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS, _COUNTS = 273, 274, 277, 278, 279
_PLANAR, _EXTRA, _FORMAT = 284, 338, 339


def tiff(
    samples: Samples,
    photometric: int,
    *,
    order: Order = "<",
    rows: int = 16,
    tags: Tags | None = None,
) -> bytes:
    """Unpacked strips of `rows` rows in front of one directory; (H, W) or (H, W, bands)."""
    bands = samples.shape[2] if samples.ndim > 2 else 1
    stored = samples.astype(samples.dtype.newbyteorder(order))
    strips = [stored[at : at + rows].tobytes() for at in range(0, samples.shape[0], rows)]
    lengths = [len(strip) for strip in strips]
    starts = [8 + sum(lengths[:index]) for index in range(len(strips))]
    directory: Tags = {
        _WIDTH: (samples.shape[1],),
        _LENGTH: (samples.shape[0],),
        _BITS: (samples.dtype.itemsize * 8,) * bands,
        _PACKING: (1,),
        _PHOTOMETRIC: (photometric,),
        _OFFSETS: tuple(starts),
        _SAMPLES: (bands,),
        _ROWS: (rows,),
        _COUNTS: tuple(lengths),
        **(tags or {}),
    }
    at = 8 + sum(lengths)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return b"".join((mark, struct.pack(order + "I", at), *strips, _directory(directory, order, at)))


def _directory(tags: Tags, order: str, at: int) -> bytes:
    """Entries of 32-bit numbers; those that do not fit stand behind."""
    entries, behind = [], b""
    end = at + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(packed) > 4:
            place = struct.pack(order + "I", end + len(behind))
            behind += packed
        else:
            place = packed
        entries.append(struct.pack(order + "HHI", tag, 4, len(values)) + place)
    count = struct.pack(order + "H", len(tags))
    return b"".join((count, *entries, b"\0\0\0\0", behind))


def saved(image: Image.Image, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's
    file = io.BytesIO()
    image.save(file, "TIFF", **options)
    return file.getvalue()


def cases() -> Iterator[Case]:
    yield from _kinds()
    yield from _packed()
    yield from _orientations()
    yield from _refused()
    yield from _broken()


def _case(name: str, data: bytes, picture: Bytes, tolerance: int = 0) -> Case:
    return Case(name=f"TIFF {name}", format="TIFF", data=data, picture=picture, tolerance=tolerance)


def _kinds() -> Iterator[Case]:
    rgb, plain, alpha = colour(), grey(), clear()
    orders: tuple[Order, ...] = ("<", ">")
    for order in orders:
        words = "little endian" if order == "<" else "big endian"
        for name, samples, photometric, tags, picture in (
            ("grey 8", plain, BLACK_IS_ZERO, {}, plain),
            ("grey 8 white is zero", 255 - plain, WHITE_IS_ZERO, {}, plain),
            ("grey 16", wide(plain), BLACK_IS_ZERO, {}, plain),
            ("rgb 8", rgb, RGB, {}, rgb),
            ("rgb 16", wide(rgb), RGB, {}, rgb),
            ("grey alpha 8", np.dstack([plain, alpha]), BLACK_IS_ZERO, {_EXTRA: (2,)},
             on_white(plain, alpha)),
            ("rgb alpha 8", np.dstack([rgb, alpha]), RGB, {_EXTRA: (2,)}, on_white(rgb, alpha)),
            ("rgb alpha 16", np.dstack([wide(rgb), wide(alpha)]), RGB, {_EXTRA: (2,)},
             on_white(rgb, alpha)),
            ("rgb and an unknown band", np.dstack([rgb, alpha]), RGB, {_EXTRA: (0,)}, rgb),
        ):  # fmt: skip
            data = tiff(samples, photometric, order=order, tags=tags)
            yield _case(f"{name} {words}", data, picture)
    flipped = 65535 - wide(plain)
    yield _case("grey 16 white is zero", tiff(flipped, WHITE_IS_ZERO), plain)
    yield _case("grey in one strip", tiff(plain, BLACK_IS_ZERO, rows=999), plain)
    yield _case("grey 12", tiff(_twelve(plain), BLACK_IS_ZERO, tags=_of_twelve(plain)), plain)
    yield _case("two pages", _pages(), rgb)
    yield _case("300 by 200", tiff(colour(200, 300), RGB), colour(200, 300))


def _twelve(plain: Bytes) -> Bytes:
    """Two samples in three bytes, the high bits first; the low four bits are set."""
    high = plain.reshape(-1, 2).astype(np.uint16) << 4 | 15
    first, second = high[:, 0], high[:, 1]
    three = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], -1)
    return three.astype(np.uint8).reshape(plain.shape[0], -1)


def _of_twelve(plain: Bytes) -> Tags:
    return {_WIDTH: (plain.shape[1],), _BITS: (12,)}


def _pages() -> bytes:
    first, second = Image.fromarray(colour()), Image.fromarray(255 - colour())
    return saved(first, save_all=True, append_images=[second])


def _packed() -> Iterator[Case]:
    rgb, plain = colour(), grey()
    image = Image.fromarray(rgb)
    for way in ("packbits", "tiff_lzw", "tiff_adobe_deflate", "zstd"):
        yield _case(f"rgb {way}", saved(image, compression=way), rgb)
    yield _case("grey 16 lzw", saved(Image.fromarray(wide(plain)), compression="tiff_lzw"), plain)
    yield _case("rgb jpeg", saved(image, compression="jpeg", quality=92), rgb, LOSSY)
    ink = plain > 128
    lines = (ink * np.uint8(255)).astype(np.uint8)
    for way in ("raw", "group3", "group4"):
        yield _case(f"1 bit {way}", saved(Image.fromarray(ink), compression=way), lines)
    levels = plain >> 4
    steps = np.arange(16)
    table = np.stack([steps * 16, 255 - steps * 9, steps * 7], -1).astype(np.uint8)
    indexed = Image.fromarray(levels)
    indexed.putpalette(table.tobytes())
    yield _case("palette", saved(indexed), table[levels])
    yield _case("CMYK", saved(image.convert("CMYK")), rgb, LOSSY)
    lab = Image.fromarray(rgb).convert("LAB")
    yield _case("LAB", saved(lab), rgb, COARSE)
    yield _case("YCbCr", saved(image.convert("YCbCr"), compression="jpeg"), rgb, LOSSY)


def _orientations() -> Iterator[Case]:
    for orientation in range(1, 9):
        for name, picture, photometric in (
            ("rgb", colour(), RGB),
            ("grey 16", wide(grey()), BLACK_IS_ZERO),
        ):
            stored = turned(picture, orientation)
            data = tiff(stored, photometric, tags={_ORIENTATION: (orientation,)})
            expected = colour() if name == "rgb" else grey()
            yield _case(f"{name} orientation {orientation}", data, expected)
        image = Image.fromarray(turned(colour(), orientation))
        tags: Any = {_ORIENTATION: orientation}
        packed = saved(image, compression="tiff_lzw", tiffinfo=tags)
        yield _case(f"packed orientation {orientation}", packed, colour())


def _refused() -> Iterator[Case]:
    plain = grey()
    for name, samples, sample_format in (
        ("32-bit numbers", plain.astype(np.uint32), 1),
        ("32-bit numbers with a sign", plain.astype(np.int32), 2),
        ("16-bit numbers with a sign", plain.astype(np.int16), 2),
        ("floats", plain.astype(np.float32), 3),
    ):
        data = tiff(samples, BLACK_IS_ZERO, tags={_FORMAT: (sample_format,)})
        yield Case(name=f"TIFF of {name}", format="TIFF", data=data, refusal=BrokenPicture)


def _broken() -> Iterator[Case]:
    """Directories in front (Pillow's) and behind the pixels (here); the last page counts, too."""
    rgb = colour()
    image = Image.fromarray(rgb)
    yield from damaged(_case("rgb", tiff(rgb, RGB), rgb))
    yield from damaged(_case("grey 16", tiff(wide(grey()), BLACK_IS_ZERO), grey()))
    for name, data in (("raw", saved(image)), ("lzw", saved(image, compression="tiff_lzw"))):
        yield from damaged(_case(f"by Pillow, {name}", data, rgb), whole=_end(data))
    pages = _pages()
    yield from damaged(_case("two pages", pages, rgb), whole=_end(pages))
    circle = bytearray(tiff(rgb, RGB))
    (at,) = struct.unpack_from("<I", circle, 4)
    (count,) = struct.unpack_from("<H", circle, at)
    circle[at + 2 + 12 * count : at + 6 + 12 * count] = struct.pack("<I", at)
    wrong = {
        "a circle of pages": bytes(circle),
        "a head alone": b"II*\0\x08\0\0\0",
        "no pixels": tiff(rgb, RGB, tags={_COUNTS: (0,), _OFFSETS: (8,)}),
        "an unknown packing": tiff(rgb, RGB, tags={_PACKING: (32000,)}),
        "strips that are missing": tiff(rgb, RGB, tags={_COUNTS: (16 * 62 * 3,), _OFFSETS: (8,)}),
    }
    for name, data in wrong.items():
        yield Case(name=f"TIFF with {name}", format="TIFF", data=data, refusal=BrokenPicture)


def _end(data: bytes) -> int:
    """Where what a reader needs ends: Pillow pads its files."""
    return len(data.rstrip(b"\0"))
