"""BMP and PNM files, written here byte by byte, and what they may have lost."""

import struct
from collections.abc import Iterator

import numpy as np

from contract.reading.errors import BrokenPicture
from tests.contract.reading.case import (
    Bytes,
    Case,
    Samples,
    clear,
    colour,
    damaged,
    grey,
    on_white,
    wide,
)

_RLE8, _FIELDS = 1, 3


def cases() -> Iterator[Case]:
    yield from _bmp_kinds()
    yield from _bmp_runs()
    yield from _bmp_broken()
    yield from _pnm_kinds()
    yield from _pnm_odd()
    yield from _pnm_broken()


def bmp(  # noqa: PLR0913 - independent choices
    rows: Samples,
    size: tuple[int, int],
    depth: int,
    *,
    table: bytes = b"",
    masks: bytes = b"",
    way: int = 0,
    top_down: bool = False,
) -> bytes:
    """`rows`: (H, bytes), top row first; `size` (height, width)."""
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))) if rows.ndim > 1 else rows
    stored = padded if top_down or rows.ndim == 1 else padded[::-1]
    height, width = size
    start = 14 + 40 + len(masks) + len(table)
    head = struct.pack(
        "<IiiHHIIiiII",
        40,
        width,
        -height if top_down else height,
        1,
        depth,
        way,
        stored.size,
        2835,
        2835,
        len(table) // 4,
        0,
    )
    file = struct.pack("<2sIHHI", b"BM", start + stored.size, 0, 0, start)
    return file + head + masks + table + stored.tobytes()


def _bmp(name: str, data: bytes, picture: Bytes) -> Case:
    return Case(name=f"BMP {name}", format="BMP", data=data, picture=picture)


def _table(count: int) -> Bytes:
    steps = np.arange(count)
    return np.stack([steps * 255 // count, 255 - steps * 200 // count, steps * 7 % 256], -1).astype(
        np.uint8
    )


def _quads(table: Bytes) -> bytes:
    return np.pad(table[:, ::-1], ((0, 0), (0, 1))).tobytes()


def _packed(levels: Samples, depth: int) -> Bytes:
    bits = np.unpackbits(levels[..., None], axis=-1)[..., 8 - depth :]
    return np.packbits(bits.reshape(levels.shape[0], -1), axis=1)


def _bmp_kinds() -> Iterator[Case]:
    rgb, plain, size = colour(), grey(), grey().shape
    reversed_ = np.ascontiguousarray(rgb[..., ::-1])
    flat = reversed_.reshape(size[0], -1)
    for top_down in (False, True):
        words = " top down" if top_down else ""
        yield _bmp(f"24{words}", bmp(flat, size, 24, top_down=top_down), rgb)
        four = np.dstack([reversed_, np.full(size, 99, np.uint8)]).reshape(size[0], -1)
        yield _bmp(f"32{words}", bmp(four, size, 32, top_down=top_down), rgb)
        for depth in (1, 4, 8):
            levels, table = plain >> (8 - depth), _table(1 << depth)
            data = bmp(_packed(levels, depth), size, depth, table=_quads(table), top_down=top_down)
            yield _bmp(f"palette {depth}{words}", data, table[levels])
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    yield _bmp("grey 8", bmp(plain, size, 8, table=_quads(greys)), plain)
    for name, bits, way in (("555", (5, 5, 5), 0), ("565", (5, 6, 5), _FIELDS)):
        bands = [
            (rgb[..., band] >> (8 - width)).astype(np.uint16) for band, width in enumerate(bits)
        ]
        values = (bands[0] << (bits[1] + bits[2])) | (bands[1] << bits[2]) | bands[2]
        masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F) if way else b""
        picture = np.stack(
            [level * 255 // ((1 << width) - 1) for level, width in zip(bands, bits, strict=True)],
            -1,
        ).astype(np.uint8)
        rows = values.astype("<u2").view(np.uint8).reshape(size[0], -1)
        yield _bmp(f"16 {name}", bmp(rows, size, 16, masks=masks, way=way), picture)
    yield _bmp("300 by 200", bmp(colour(200, 300)[..., ::-1].reshape(200, -1), (200, 300), 24),
               colour(200, 300))  # fmt: skip
    yield _bmp("with alpha", _with_alpha(), on_white(rgb, clear()))


def _with_alpha() -> bytes:
    """A header of version 4 that names an alpha mask."""
    four = np.dstack([colour()[..., ::-1], clear()])[::-1]
    height, width = four.shape[:2]
    head = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, _FIELDS, four.size, 0, 0, 0, 0)
    head += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(52)
    return struct.pack("<2sIHHI", b"BM", 122 + four.size, 0, 0, 122) + head + four.tobytes()


def runs(levels: Samples) -> bytes:
    """RLE8: each row as runs, its end, and the end of the bitmap."""
    parts = []
    for row in levels[::-1]:
        at = 0
        while at < row.size:
            length = 1
            while at + length < row.size and length < 255 and row[at + length] == row[at]:
                length += 1
            parts.append(bytes([length, row[at]]))
            at += length
        parts.append(b"\0\0")
    return b"".join(parts) + b"\0\1"


def _bmp_runs() -> Iterator[Case]:
    levels, table = grey() >> 4, _table(16)
    data = np.frombuffer(runs(levels), np.uint8)
    packed = bmp(data, grey().shape, 8, table=_quads(table), way=_RLE8)
    case = _bmp("runs", packed, table[levels])
    yield case
    yield from damaged(case, whole=len(packed) - 4)  # the last row's end and the bitmap's


def _bmp_broken() -> Iterator[Case]:
    rgb, size = colour(), grey().shape
    data = bmp(rgb[..., ::-1].reshape(size[0], -1), size, 24)
    yield from damaged(_bmp("24", data, rgb), whole=len(data) - 2)  # but the padding
    deep = bytearray(data)
    deep[28] = 32
    yield Case(name="BMP of more bits than bytes", format="BMP", data=bytes(deep),
               refusal=BrokenPicture)  # fmt: skip
    for name, at, value in (("an unknown way of packing", 30, 9), ("no columns", 18, 0)):
        wrong = bytearray(data)
        wrong[at] = value
        yield Case(name=f"BMP with {name}", format="BMP", data=bytes(wrong), refusal=BrokenPicture)


def _pnm(name: str, data: bytes, picture: Bytes) -> Case:
    return Case(name=f"PNM {name}", format="PPM", data=data, picture=picture)


def pnm(kind: int, values: Samples, greatest: int, *, comment: str = "") -> bytes:
    """P1 to P6 of values (H, W) or (H, W, 3)."""
    height, width = values.shape[:2]
    head = f"P{kind}\n{comment}{width} {height}\n"
    head += "" if kind in (1, 4) else f"{greatest}\n"
    if kind in (1, 2, 3):
        rows = values.reshape(height, -1)
        return (head + "\n".join(" ".join(map(str, row)) for row in rows) + "\n").encode()
    if kind == 4:
        return head.encode() + np.packbits(values.astype(np.uint8), axis=1).tobytes()
    return head.encode() + values.astype(">u2" if greatest > 255 else np.uint8).tobytes()


def _pnm_kinds() -> Iterator[Case]:
    """A greatest value below 256 is white at 255; above, the high byte of 16 bits counts."""
    for plain_kind, raw_kind, picture in ((2, 5, grey()), (3, 6, colour())):
        for kind in (plain_kind, raw_kind):
            for greatest in (1, 15, 100, 255, 256, 1000, 65535):
                values = np.rint(picture.astype(float) * greatest / 255).astype(np.int64)
                if greatest == 65535:
                    values = wide(picture).astype(np.int64)
                top = 255 if greatest < 256 else 65535
                scaled = np.floor(values * top / greatest + 0.5).astype(np.int64)
                expected = (scaled if top == 255 else scaled >> 8).astype(np.uint8)
                data = pnm(kind, values, greatest)
                yield _pnm(f"P{kind} up to {greatest}", data, expected)
    ink = grey() > 128
    for kind in (1, 4):
        black = (~ink * np.uint8(255)).astype(np.uint8)
        yield _pnm(f"P{kind}", pnm(kind, ink.astype(np.uint8), 1), black)


def _pnm_odd() -> Iterator[Case]:
    plain = grey()
    for kind in (2, 5):
        data = pnm(kind, plain, 255, comment="# 9 9\n# a comment\r\n")
        yield _pnm(f"P{kind} with comments", data, plain)
    text = pnm(2, plain, 255).replace(b"\n", b" # 7 7\n", 9)
    yield _pnm("P2 with comments among numbers", text, plain)
    tight = pnm(1, (plain > 128).astype(np.uint8), 1).replace(b" ", b"")
    head = f"P1 {plain.shape[1]} {plain.shape[0]}\n".encode()
    tight = head + tight.split(b"\n", 2)[2]
    yield _pnm("P1 without spaces", tight, ((plain <= 128) * 255).astype(np.uint8))
    second = pnm(5, plain, 255) + pnm(5, 255 - plain, 255)
    yield _pnm("P5 with a second picture", second, plain)


def _pnm_broken() -> Iterator[Case]:
    for kind, picture in ((2, grey()), (3, colour()), (5, grey()), (6, colour())):
        data = pnm(kind, picture, 255)
        case = _pnm(f"P{kind}", data, picture)
        yield from damaged(case, whole=len(data) - (kind < 4))  # but the newline
    ink = (grey() > 128).astype(np.uint8)
    for kind in (1, 4):
        data = pnm(kind, ink, 1)
        case = _pnm(f"P{kind}", data, ((1 - ink) * 255).astype(np.uint8))
        yield from damaged(case, whole=len(data) - (kind < 4))
    wrong = {
        "P2 above its greatest": pnm(2, grey(), 99),
        "P5 above its greatest": pnm(5, grey(), 99),
        "P3 with words": pnm(3, colour(), 255).replace(b"255\n", b"255\nx ", 1),
        "P2 below zero": pnm(2, grey(), 255).replace(b"255\n", b"255\n-", 1),
        "P1 with other digits": pnm(1, ink, 1).replace(b" 1 ", b" 2 "),
        "P5 without columns": b"P5 0 7 255\n",
    }
    for name, data in wrong.items():
        yield Case(name=f"PNM {name}", format="PPM", data=data, refusal=BrokenPicture)
