"""PNG files of every colour type, depth and way of being clear, written here chunk by chunk."""

import struct
import zlib
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
    exif,
    grey,
    on_white,
    turned,
    wide,
)

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
_LAST_PASS = (1, 0, 2, 1)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(  # noqa: PLR0913 - independent choices
    samples: Samples,
    kind: int,
    depth: int,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    parts: int = 1,
) -> bytes:
    """`samples` (H, W) or (H, W, bands); `before`: chunks in front of the pixels."""
    height, width = samples.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    passes = (*_PASSES, _LAST_PASS) if interlaced else ((0, 0, 1, 1),)
    raw = b"".join(
        _rows(samples[top::down, left::right], depth) for top, left, down, right in passes
    )
    packed = zlib.compress(raw)
    step = -(-len(packed) // parts)
    pixels = b"".join(chunk(b"IDAT", packed[at : at + step]) for at in range(0, len(packed), step))
    return SIGNATURE + chunk(b"IHDR", head) + before + pixels + chunk(b"IEND", b"")


def _rows(samples: Samples, depth: int) -> bytes:
    """Each row without a filter; below 8 bits the samples are packed into bytes."""
    if not samples.size:
        return b""
    if depth == 16:
        rows = samples.astype(">u2").view(np.uint8).reshape(samples.shape[0], -1)
    elif depth == 8:
        rows = samples.astype(np.uint8).reshape(samples.shape[0], -1)
    else:
        bits = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(samples.shape[0], -1), axis=1)
    return np.pad(rows, ((0, 0), (1, 0))).tobytes()


def cases() -> Iterator[Case]:
    yield from _kinds()
    yield from _clear_colours()
    yield from _orientations()
    yield from _odd()
    yield from _broken()


def _case(name: str, data: bytes, picture: Bytes) -> Case:
    return Case(name=f"PNG {name}", format="PNG", data=data, picture=picture)


def _table(count: int) -> Bytes:
    """(count, 3) colours."""
    steps = np.arange(count)
    return np.stack([steps * 255 // count, 255 - steps * 200 // count, steps * 7 % 256], -1).astype(
        np.uint8
    )


def _kinds() -> Iterator[Case]:
    rgb, plain, alpha = colour(), grey(), clear()
    deep_alpha = wide(alpha)
    everything: list[tuple[str, Samples, int, int, Bytes]] = []
    for depth in (1, 2, 4, 8):
        levels = plain >> (8 - depth)
        scaled = (levels.astype(int) * 255 // ((1 << depth) - 1)).astype(np.uint8)
        everything.append((f"grey {depth}", levels, GREY, depth, scaled))
    everything += [
        ("grey 16", wide(plain), GREY, 16, plain),
        ("rgb 8", rgb, RGB, 8, rgb),
        ("rgb 16", wide(rgb), RGB, 16, rgb),
        ("grey alpha 8", np.dstack([plain, alpha]), GREY_ALPHA, 8, on_white(plain, alpha)),
        (
            "grey alpha 16",
            np.dstack([wide(plain), deep_alpha]),
            GREY_ALPHA,
            16,
            on_white(plain, alpha),
        ),
        ("rgb alpha 8", np.dstack([rgb, alpha]), RGB_ALPHA, 8, on_white(rgb, alpha)),
        ("rgb alpha 16", np.dstack([wide(rgb), deep_alpha]), RGB_ALPHA, 16, on_white(rgb, alpha)),
    ]
    for name, samples, kind, depth, picture in everything:
        for interlaced in (False, True):
            words = f"{name}{' interlaced' if interlaced else ''}"
            yield _case(words, png(samples, kind, depth, interlaced=interlaced), picture)
    for depth in (1, 2, 4, 8):
        levels, table = plain >> (8 - depth), _table(1 << depth)
        for interlaced in (False, True):
            words = f"palette {depth}{' interlaced' if interlaced else ''}"
            before = chunk(b"PLTE", table.tobytes())
            data = png(levels, PALETTE, depth, interlaced=interlaced, before=before)
            yield _case(words, data, table[levels])


def _clear_colours() -> Iterator[Case]:
    """The tRNS chunk: one sample value or colour, or an alpha for each palette entry."""
    plain, rgb = grey(), colour()
    for depth in (1, 2, 4, 8, 16):
        samples: Samples = wide(plain) if depth == 16 else plain >> (8 - depth)
        key = int(samples[3, 3])
        scaled = plain if depth == 16 else samples.astype(int) * 255 // ((1 << depth) - 1)
        picture = np.where(samples == key, 255, scaled).astype(np.uint8)
        data = png(samples, GREY, depth, before=chunk(b"tRNS", key.to_bytes(2, "big")))
        yield _case(f"grey {depth} tRNS", data, picture)
    for depth in (8, 16):
        samples = wide(rgb) if depth == 16 else rgb
        colours = samples[3, 3].astype(">u2")
        is_clear = (samples == samples[3, 3]).all(axis=-1, keepdims=True)
        data = png(samples, RGB, depth, before=chunk(b"tRNS", colours.tobytes()))
        yield _case(f"rgb {depth} tRNS", data, np.where(is_clear, 255, rgb).astype(np.uint8))
    for depth in (1, 2, 4, 8):
        levels, table = plain >> (8 - depth), _table(1 << depth)
        alphas = (np.arange((1 << depth) * 2 // 3 + 1) * 97 % 256).astype(np.uint8)
        full = np.pad(alphas, (0, (1 << depth) - alphas.size), constant_values=255)
        before = chunk(b"PLTE", table.tobytes()) + chunk(b"tRNS", alphas.tobytes())
        data = png(levels, PALETTE, depth, before=before)
        yield _case(f"palette {depth} tRNS", data, on_white(table[levels], full[levels]))
    nothing = np.zeros((*plain.shape, 4), np.uint8)
    white = np.full((*plain.shape, 3), 255, np.uint8)
    yield _case("all clear", png(nothing, RGB_ALPHA, 8), white)
    red = np.dstack([np.broadcast_to(np.array([220, 0, 0], np.uint8), rgb.shape), clear()])
    yield _case("red ink", png(red, RGB_ALPHA, 8), on_white(red[..., :3], red[..., 3]))
    black = np.dstack([np.zeros_like(plain), clear()])
    paper = on_white(black[..., 0], black[..., 1])
    yield _case("black ink", png(black, GREY_ALPHA, 8), paper)


def _orientations() -> Iterator[Case]:
    for orientation in range(1, 9):
        before = chunk(b"eXIf", exif(orientation))
        for name, picture, kind in (("rgb", colour(), RGB), ("grey", grey(), GREY)):
            data = png(turned(picture, orientation), kind, 8, before=before)
            yield _case(f"{name} orientation {orientation}", data, picture)


def _odd() -> Iterator[Case]:
    """What other programs write, and what must not be looked at."""
    rgb, plain = colour(), grey()
    text = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(3 << 20)))
    yield _case("rgb with a text of 3 MB packed", png(rgb, RGB, 8, before=text), rgb)
    yield _case("rgb in 40 parts", png(rgb, RGB, 8, parts=40), rgb)
    yield _case(
        "grey with gamma", png(plain, GREY, 8, before=chunk(b"gAMA", b"\0\0\x27\x10")), plain
    )
    bad = chunk(b"iCCP", b"broken\0\0none")
    yield _case("rgb with a broken profile", png(rgb, RGB, 8, before=bad), rgb)
    yield _case("rgb with a broken eXIf", png(rgb, RGB, 8, before=chunk(b"eXIf", b"MM\0*")), rgb)
    frames = chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(
        b"fcTL", struct.pack(">IIIIIHHBB", 0, rgb.shape[1], rgb.shape[0], 0, 0, 1, 1, 0, 0)
    )
    yield _case("rgb animated", png(rgb, RGB, 8, before=frames), rgb)
    palette = chunk(b"PLTE", _table(5).tobytes())
    yield _case("rgb with a suggested palette", png(rgb, RGB, 8, before=palette), rgb)
    for height, width in ((1, 1), (1, 300), (300, 1)):
        tiny = colour(height, width)
        yield _case(f"rgb {width} by {height}", png(tiny, RGB, 8), tiny)
    yield _case("rgb 300 by 200", png(colour(200, 300), RGB, 8), colour(200, 300))


def _broken() -> Iterator[Case]:
    whole = [
        _case("grey 8", png(grey(), GREY, 8), grey()),
        _case("grey 16", png(wide(grey()), GREY, 16), grey()),
        _case("rgb interlaced", png(colour(), RGB, 8, interlaced=True), colour()),
        _case("rgb in parts", png(colour(), RGB, 8, parts=7), colour()),
    ]
    for case in whole:
        yield from damaged(case)
    data = whole[0].data
    place = data.index(b"IDAT")
    wrong = {
        "a wrong checksum": data[:-20] + bytes([data[-20] ^ 1]) + data[-19:],
        "no IEND": data[: -len(chunk(b"IEND", b""))],
        "too few pixels": png(grey()[:-1], GREY, 8).replace(*_taller()),
        "an unknown chunk that matters": png(grey(), GREY, 8, before=chunk(b"ABCD", b"")),
        "no pixels": data[: place - 4] + chunk(b"IEND", b""),
        "no head": SIGNATURE + data[place - 4 :],
        "no sides": png(np.zeros((0, 0), np.uint8), GREY, 8),
        "colour type 5": png(grey(), 5, 8),
    }
    for name, bytes_ in wrong.items():
        yield Case(name=f"PNG with {name}", format="PNG", data=bytes_, refusal=BrokenPicture)


def _taller() -> tuple[bytes, bytes]:
    """The head of one row less than it should be, and the right one."""
    width, height = grey().shape[::-1]
    heads = [
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, rows, 8, 0, 0, 0, 0))
        for rows in (height - 1, height)
    ]
    return heads[0], heads[1]
