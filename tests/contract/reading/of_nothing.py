"""What is no picture that is read, and pictures that say that they are too large."""

import struct
from collections.abc import Iterator

import numpy as np

from contract.reading.decoders import can_read
from contract.reading.errors import TooManyPixels, UnknownFormat
from tests.contract.reading.case import Case, colour, grey
from tests.contract.reading.of_bitmaps import bmp
from tests.contract.reading.of_boxes import saved
from tests.contract.reading.of_jpeg import jpeg
from tests.contract.reading.of_png import chunk, png
from tests.contract.reading.of_tiff import tiff

_OTHERS = {
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "PDF": b"%PDF-1.7\n",
    "FITS": b"SIMPLE  =                    T" + b" " * 50,
    "ICO": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + bytes(50),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "JPEG XL": b"\xff\x0a" + bytes(30),
    "PSD": b"8BPS\0\1" + bytes(30),
    "PCX": b"\x0a\5\1\x08" + bytes(124),
    "QOI": b"qoif" + bytes(30),
    "PFM": b"Pf\n2 2\n-1.0\n" + bytes(16),
    "PAM": b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 1\nMAXVAL 255\nENDHDR\n" + bytes(4),
    "a film": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "sound": b"RIFF\x24\0\0\0WAVEfmt " + bytes(20),
    "HTML": b"<!doctype html><title>404</title>",
    "text": b"Picture me\n",
    "zeros": bytes(784),
    "numbers that begin as a bitmap does": b"BM" + bytes(range(256)) * 3,
    "numbers that begin as PNM does": b"P5" + bytes(range(256)) * 3,
    "nothing": b"",
    "one byte": b"\x89",
    "a PNG's first four bytes": b"\x89PNG",
}


def cases() -> Iterator[Case]:
    for name, data in _OTHERS.items():
        yield Case(name=f"no picture: {name}", format=None, data=data, refusal=UnknownFormat)
    yield from _too_large()


def _too_large() -> Iterator[Case]:
    """Over 64 million pixels by their heads; what follows the head would not do."""
    side = 8001
    sides = side.to_bytes(2, "big")
    for name, kind, data in (
        ("PNG", "PNG", _png_of(side)),
        ("JPEG", "JPEG", _jpeg_of(sides)),
        ("BMP", "BMP", bmp(np.zeros(64, np.uint8), (side, side), 24)),
        (
            "GIF",
            "GIF",
            b"GIF89a" + sides[::-1] * 2 + b"\0\0\0,\0\0\0\0" + sides[::-1] * 2 + b"\0\2",
        ),
        ("TIFF", "TIFF", tiff(grey(), 1, tags={256: (side,), 257: (side,)})),
        ("PNM", "PPM", f"P5 {side} {side} 255\n".encode() + bytes(50)),
        ("plain PNM", "PPM", f"P2 {side} {side} 255\n".encode() + b"1 " * 50),
        ("WebP", "WEBP", _webp_of(16_383)),
        ("lossless WebP", "WEBP", _lossless_webp_of(16_383)),
        ("extended WebP", "WEBP", _extended_webp_of(1 << 24)),
    ):
        yield Case(name=f"too large: {name}", format=kind, data=data, refusal=TooManyPixels)
    if can_read("AVIF"):
        yield Case(name="too large: AVIF", format="AVIF", data=_avif_of(side),
                   refusal=TooManyPixels)  # fmt: skip


def _png_of(side: int) -> bytes:
    data = png(grey(), 0, 8)
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return data[:8] + chunk(b"IHDR", head) + data[33:]


def _jpeg_of(sides: bytes) -> bytes:
    data = bytearray(jpeg(colour()))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = sides * 2
    return bytes(data)


def _riff(kind: bytes, body: bytes) -> bytes:
    part = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(part)) + b"WEBP" + part


def _webp_of(side: int) -> bytes:
    return _riff(b"VP8 ", b"\x30\x01\0\x9d\x01\x2a" + struct.pack("<HH", side, side) + bytes(40))


def _lossless_webp_of(side: int) -> bytes:
    return _riff(b"VP8L", b"\x2f" + struct.pack("<I", side - 1 | (side - 1) << 14) + bytes(40))


def _extended_webp_of(side: int) -> bytes:
    return _riff(b"VP8X", bytes(4) + ((side - 1).to_bytes(3, "little")) * 2)


def _avif_of(side: int) -> bytes:
    data = bytearray(saved("AVIF", colour()))
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", side, side)
    return bytes(data)
