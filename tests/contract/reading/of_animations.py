"""GIF files: palettes, clear colours, interlacing, frames, and what they may have lost.

Written by Pillow, but for blocks that are put in by hand.
"""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from contract.reading.errors import BrokenPicture
from tests.contract.reading.case import Bytes, Case, Samples, damaged, grey


def cases() -> Iterator[Case]:
    yield from _kinds()
    yield from _broken()


def gif(levels: Samples, table: Bytes, **options: object) -> bytes:
    image = Image.fromarray(levels, "L")
    image.putpalette(table.tobytes())
    file = io.BytesIO()
    image.save(file, "GIF", **options)
    return file.getvalue()


def _case(name: str, data: bytes, picture: Bytes) -> Case:
    return Case(name=f"GIF {name}", format="GIF", data=data, picture=picture)


def _table(count: int) -> Bytes:
    steps = np.arange(count)
    return np.stack([steps * 255 // count, 255 - steps * 200 // count, steps * 7 % 256], -1).astype(
        np.uint8
    )


def _kinds() -> Iterator[Case]:
    for count in (2, 4, 16, 256):
        levels: Samples = (grey().astype(int) * count // 256).astype(np.uint8)
        table = _table(count)
        for interlace in (0, 1):
            words = f"of {count} colours{' interlaced' if interlace else ''}"
            yield _case(words, gif(levels, table, interlace=interlace), table[levels])
    levels, table = grey() >> 4, _table(16)
    key = int(levels[3, 3])
    picture = np.where((levels == key)[..., None], 255, table[levels]).astype(np.uint8)
    yield _case("with a clear colour", gif(levels, table, transparency=key), picture)
    file = io.BytesIO()
    Image.fromarray(grey()).save(file, "GIF")
    yield _case("grey", file.getvalue(), grey())
    yield _case("animated", _animated(levels, table), table[levels])
    old = bytearray(gif(levels, table))
    old[4:5] = b"7"
    yield _case("of 1987", bytes(old), table[levels])
    comment = gif(levels, table, comment=b"; \x3b no end, no image \x2c")
    yield _case("with a comment", comment, table[levels])
    large = (grey(200, 300) >> 4, table)
    yield _case("300 by 200", gif(*large), table[large[0]])


def _animated(levels: Samples, table: Bytes) -> bytes:
    frames = [Image.fromarray(np.roll(levels, 9 * turn, axis=1), "L") for turn in range(3)]
    for frame in frames:
        frame.putpalette(table.tobytes())
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], loop=0)
    return file.getvalue()


def _broken() -> Iterator[Case]:
    levels, table = grey() >> 4, _table(16)
    for name, data in (
        ("still", gif(levels, table)),
        ("animated", _animated(levels, table)),
        ("interlaced", gif(levels, table, interlace=1)),
    ):
        yield from damaged(_case(name, data, table[levels]))
    whole = gif(levels, table)
    wrong = {
        "no picture": whole[: whole.index(b"\x2c\0\0\0\0")] + b";",
        "a head alone": whole[:13],
        "an unknown block": whole[:-1] + b"\x99;",
        "an early end of its pixels": _early_end(levels, table),
    }
    for name, data in wrong.items():
        yield Case(name=f"GIF with {name}", format="GIF", data=data, refusal=BrokenPicture)


def _early_end(levels: Samples, table: Bytes) -> bytes:
    """All blocks as they should be, but the pixels' code says that it ends after 20 rows."""
    short = gif(levels[:20], table)
    height = levels.shape[0].to_bytes(2, "little")
    whole = bytearray(short)
    whole[8:10] = height
    image = short.index(b"\x2c\0\0\0\0")
    whole[image + 7 : image + 9] = height
    return bytes(whole)
