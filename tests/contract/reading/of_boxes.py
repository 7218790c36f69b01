"""WebP, AVIF and HEIF files: lossy, lossless, clear, animated, turned, and what they have lost."""

import io
import struct
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from contract.reading.decoders import can_read
from contract.reading.errors import BrokenPicture, MissingDecoder
from tests.contract.reading.case import (
    COARSE,
    EXACT,
    LOSSY,
    Bytes,
    Case,
    clear,
    colour,
    damaged,
    exif,
    grey,
    on_white,
    turned,
)


def saved(kind: str, picture: Bytes, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return file.getvalue()


def cases() -> Iterator[Case]:
    yield from _webp()
    yield from _avif()
    yield from _heif()
    yield from _orientations()
    yield from _broken()


def _case(kind: str, name: str, data: bytes, picture: Bytes, tolerance: int = LOSSY) -> Case:
    return Case(name=f"{kind} {name}", format=kind, data=data, picture=picture, tolerance=tolerance)


def _webp() -> Iterator[Case]:
    rgb, alpha = colour(), clear()
    clear_rgb, paper = np.dstack([rgb, alpha]), on_white(rgb, alpha)
    of = partial(_case, "WEBP")
    yield of("lossy", saved("WEBP", rgb, quality=90), rgb)
    yield of("lossless", saved("WEBP", rgb, lossless=True), rgb, EXACT)
    exact = saved("WEBP", clear_rgb, lossless=True, exact=True)
    yield of("lossless with alpha", exact, paper, EXACT)
    yield of("lossy with alpha", saved("WEBP", clear_rgb, quality=90), paper)
    yield of("grey lossless", saved("WEBP", grey(), lossless=True), grey(), EXACT)
    frames = [Image.fromarray(np.roll(rgb, 9 * turn, axis=1)) for turn in (1, 2)]
    animated = saved("WEBP", rgb, save_all=True, append_images=frames, lossless=True)
    yield of("animated", animated, rgb, EXACT)
    large = colour(200, 300)
    yield of("300 by 200", saved("WEBP", large, quality=90, icc_profile=bytes(999)), large)
    odd = saved("WEBP", rgb, lossless=True, xmp=b"<x xmlns:tiff='' tiff:Orientation=\"6\"/>")
    yield of("with another word on its orientation", odd, rgb, EXACT)


def _avif() -> Iterator[Case]:
    if not can_read("AVIF"):
        return
    rgb, alpha = colour(), clear()
    paper = on_white(rgb, alpha)
    of = partial(_case, "AVIF")
    for sampling in ("4:2:0", "4:4:4"):
        yield of(sampling, saved("AVIF", rgb, quality=90, subsampling=sampling), rgb)
    yield of("grey", saved("AVIF", grey(), quality=90, subsampling="4:0:0"), grey())
    yield of("with alpha", saved("AVIF", np.dstack([rgb, alpha]), quality=90), paper)
    frames = [Image.fromarray(np.roll(rgb, 9, axis=1))]
    animated = saved("AVIF", rgb, save_all=True, append_images=frames, quality=90)
    yield of("animated", animated, rgb)
    large = colour(200, 300)
    yield of("300 by 200", saved("AVIF", large, quality=90), large)


def _heif() -> Iterator[Case]:
    """With its extra they are read, without it the refusal says which it is."""
    head = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08mdat"
    if not can_read("HEIF"):
        yield Case(name="HEIF", format="HEIF", data=head, refusal=MissingDecoder)
        return
    from pillow_heif import register_heif_opener  # noqa: PLC0415

    register_heif_opener()  # to write them
    rgb, alpha = colour(), clear()
    of = partial(_case, "HEIF")
    yield of("rgb", saved("HEIF", rgb, quality=90), rgb)
    yield of("grey", saved("HEIF", grey(), quality=90), grey())
    yield of("alpha", saved("HEIF", np.dstack([rgb, alpha]), quality=90), on_white(rgb, alpha))
    large = colour(200, 300)
    yield of("300 by 200", saved("HEIF", large, quality=90), large)
    yield Case(name="HEIF head alone", format="HEIF", data=head, refusal=BrokenPicture)


def _orientations() -> Iterator[Case]:
    """AVIF and HEIF: their writers turn the tag into the format's own turning."""
    for orientation in range(1, 9):
        stored = turned(colour(), orientation)
        tag = b"Exif\0\0" + exif(orientation)
        words = f"orientation {orientation}"
        yield _case("WEBP", f"lossy {words}", saved("WEBP", stored, quality=90, exif=tag), colour())
        exact = saved("WEBP", stored, lossless=True, exif=exif(orientation))
        yield _case("WEBP", f"lossless {words}", exact, colour(), EXACT)
        for kind in ("AVIF", "HEIF"):
            if can_read(kind):
                data = saved(kind, stored, quality=90, exif=tag)
                yield _case(kind, words, data, colour(), COARSE)


def _broken() -> Iterator[Case]:
    rgb = colour()
    for kind in ("WEBP", "AVIF", "HEIF"):
        if not can_read(kind):
            continue
        yield from damaged(_case(kind, "whole", saved(kind, rgb, quality=90), rgb))
    yield from damaged(_case("WEBP", "whole lossless", saved("WEBP", rgb, lossless=True), rgb, 0))
    clear_rgb = np.dstack([rgb, clear()])
    paper = on_white(rgb, clear())
    yield from damaged(_case("WEBP", "whole clear", saved("WEBP", clear_rgb, quality=90), paper))
    frames = [Image.fromarray(np.roll(rgb, 9, axis=1))]
    animated = saved("WEBP", rgb, save_all=True, append_images=frames, lossless=True)
    yield from damaged(_case("WEBP", "whole animated", animated, rgb, EXACT))
    # a file that was cut and then made to fit
    data = saved("WEBP", rgb, quality=90)
    short = bytearray(data[: len(data) // 4 * 2])
    short[4:8] = struct.pack("<I", len(short) - 8)
    yield Case(name="WEBP cut, with its new length", format="WEBP", data=bytes(short),
               refusal=BrokenPicture)  # fmt: skip
    yield Case(name="WEBP head alone", format="WEBP", data=b"RIFF\x04\0\0\0WEBP",
               refusal=BrokenPicture)  # fmt: skip
