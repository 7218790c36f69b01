"""Pictures that decoders dislike, made from bytes: (what it is, content type, bytes, statuses)."""

import base64
import struct
import zlib
from collections.abc import Iterator

OK, BAD, LARGE, TYPE = 200, 400, 413, 415
GREY, RGB, PALETTE, GREY_ALPHA = 0, 2, 3, 4

# 16 by 16, mid grey, 4 colour planes
CMYK_JPEG = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwBQNzxGPDJQRkFGWlVQX3jIgnhubnj1r7mRyP//////////////////"
    "/////////////////////////////////8AAFAgAEAAQBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAA"
    "AAAAAAAE/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAA4EQwBNAFkASwAAPwC1atAAAAH/2Q=="
)
# 16 by 24, EXIF orientation 6
TURNED_JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/2wBDAFA3"
    "PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////"
    "wAALCAAYABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAP/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEB"
    "AAA/AJgA/9k="
)

Picture = tuple[str, str, bytes, frozenset[int]]


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def png(  # noqa: PLR0913 -- a PNG has that many independent fields
    width: int, height: int, *, depth: int = 8, colour: int = GREY, pixel: bytes = b"\x80",
    before: bytes = b"", after: bytes = b"",
) -> bytes:  # fmt: skip
    """One colour all over; `before` and `after` are chunks around the data."""
    row = b"\0" + (pixel * width if depth >= 8 else bytes(-(-width * depth // 8)))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = _chunk(b"IHDR", head) + before + _chunk(b"IDAT", zlib.compress(row * height, 9)) + after
    return b"\x89PNG\r\n\x1a\n" + data + _chunk(b"IEND", b"")


def _animated() -> bytes:
    control = struct.pack(">IIIIIHHBB", 0, 20, 20, 0, 0, 1, 10, 0, 0)
    second = struct.pack(">IIIIIHHBB", 1, 20, 20, 0, 0, 1, 10, 0, 0)
    frame = struct.pack(">I", 2) + zlib.compress((b"\0" + b"\xff" * 20) * 20)
    before = _chunk(b"acTL", struct.pack(">II", 2, 0)) + _chunk(b"fcTL", control)
    return png(20, 20, before=before, after=_chunk(b"fcTL", second) + _chunk(b"fdAT", frame))


def pictures() -> Iterator[Picture]:
    """Yield each with the statuses that may come back."""
    yield from _defined()
    yield from _refused()


def _defined() -> Iterator[Picture]:
    palette = _chunk(b"PLTE", bytes(range(30)))
    whole = (
        ("1 by 1", png(1, 1)),
        ("16 bits", png(28, 28, depth=16, pixel=b"\x12\x34")),
        ("1 bit", png(28, 28, depth=1)),
        ("palette", png(28, 28, colour=PALETTE, pixel=b"\x07", before=palette)),
        ("alpha", png(28, 28, colour=GREY_ALPHA, pixel=b"\x20\x80")),
        ("animated", _animated()),
        ("long and thin", png(3000, 1)),
    )
    for what, data in whole:
        yield f"PNG, {what}", "image/png", data, frozenset({OK})
    yield "JPEG, CMYK", "image/jpeg", CMYK_JPEG, frozenset({OK})
    yield "JPEG, EXIF-rotated", "image/jpeg", TURNED_JPEG, frozenset({OK})


def _refused() -> Iterator[Picture]:
    small, bomb = png(28, 28), png(12_000, 12_000, depth=1)
    yield "PNG, cut in the data", "image/png", small[: len(small) // 2], frozenset({BAD})
    yield "PNG, last byte missing", "image/png", small[:-1], frozenset({BAD})
    yield "PNG, a flipped bit", "image/png", small[:45] + b"\xff" + small[46:], frozenset({BAD})
    yield "JPEG, cut", "image/jpeg", TURNED_JPEG[:-40], frozenset({BAD})
    yield "empty", "image/png", b"", frozenset({BAD})
    yield f"PNG, 12000 by 12000 in {len(bomb)} bytes", "image/png", bomb, frozenset({LARGE})
    others = {
        "TIFF": b"II*\0\x08\0\0\0" + bytes(60),
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "FITS": b"SIMPLE  =                    T".ljust(80),
        "GIF": b"GIF89a" + bytes(40),
    }
    for kind, data in others.items():
        yield f"{kind} called PNG", "image/png", data, frozenset({BAD, TYPE})
