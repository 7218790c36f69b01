"""Two small sets of pictures as people have them, below train and test, the same every time.

`logos`: one colour on a clear ground, and the class is the colour. `of_every_format`: photos, each
in another format, depth or mode.
"""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from contract.reading.decoders import can_read
from tests.contract.reading.case import exif, luma, turned, wide
from tests.contract.reading.of_jpeg import inks, jpeg, several
from tests.end_to_end import photos

COLOURS = {
    "black": (20, 20, 20),
    "blue": (40, 60, 210),
    "green": (30, 160, 60),
    "purple": (150, 40, 160),
    "red": (220, 40, 30),
    "yellow": (235, 205, 30),
}
LOGOS, LOGOS_KEPT = 24, 6  # of each colour to learn from, and to test with
PHOTOS = 26  # of each class in either split
SIDE = 72  # px, of a logo

Writer = Callable[[Image.Image], bytes]


def logos(folder: Path) -> None:
    """The colour reaches below what is clear, or black does: alpha alone draws, or nearly so."""
    for name, colour in COLOURS.items():
        for number in range(LOGOS + LOGOS_KEPT):
            split = "train" if number < LOGOS else "test"
            picture = _logo(colour, np.random.default_rng((number, *colour)))
            kind, options = _CLEAR[number % len(_CLEAR)]
            _put(
                folder / split / name / f"{number:03}.{kind.lower()}",
                _saved(picture, kind, **options),
            )


def of_every_format(folder: Path) -> None:
    """Names say nothing: every seventh has another format's."""
    for name in photos.CLASSES:
        for number in range(2 * PHOTOS):
            suffix, writer = WRITERS[number % len(WRITERS)]
            suffix = "jpg" if number % 7 == 0 else suffix
            split = "train" if number < PHOTOS else "test"
            picture = photos.photo(name, number)
            _put(folder / split / name / f"{number:03}.{suffix}", writer(picture))


def _logo(colour: tuple[int, int, int], dice: np.random.Generator) -> Image.Image:
    """A disc, a box or a triangle with a hole, somewhere."""
    ink = Image.new("L", (SIDE * 4, SIDE * 4))
    draw = ImageDraw.Draw(ink)
    x, y, reach = (int(part) * 4 for part in dice.integers((26, 26, 16), (46, 46, 26)))
    box = (x - reach, y - reach, x + reach, y + reach)
    form = dice.integers(3)
    if form == 0:
        draw.ellipse(box, 255)
    elif form == 1:
        draw.rectangle(box, 255)
    else:
        draw.polygon([(x, y - reach), (x - reach, y + reach), (x + reach, y + reach)], 255)
    draw.ellipse((x - reach // 3, y - reach // 3, x + reach // 3, y + reach // 3), 0)
    alpha = ink.resize((SIDE, SIDE))
    sheet = Image.new("RGB", (SIDE, SIDE), colour)
    if dice.integers(2):
        sheet.paste((0, 0, 0), mask=alpha.point(lambda level: 255 * (level == 0)))
    sheet.putalpha(alpha)
    return sheet


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _plain(kind: str, mode: str | None = None, **options: object) -> Writer:
    return lambda picture: _saved(picture.convert(mode) if mode else picture, kind, **options)


def _of_array(make: Callable[[Any], bytes]) -> Writer:
    return lambda picture: make(np.asarray(picture))


def _grey_of_16_bits(kind: str, picture: Any) -> bytes:  # noqa: ANN401 - (H, W, 3)
    return _saved(Image.fromarray(wide(luma(picture))), kind)


def _on_its_side(picture: Any) -> bytes:  # noqa: ANN401 - (H, W, 3)
    return jpeg(turned(picture, 6), exif=exif(6))


def _heif(picture: Image.Image) -> bytes:
    from pillow_heif import register_heif_opener  # noqa: PLC0415 - an extra

    register_heif_opener()  # to write them
    return _saved(picture, "HEIF", quality=85)


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


_CLEAR: tuple[tuple[str, dict[str, object]], ...] = (
    ("PNG", {}),
    ("WEBP", {"lossless": True, "exact": True}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("AVIF", {"quality": 90}),
)
WRITERS: tuple[tuple[str, Writer], ...] = (
    ("png", _plain("PNG")),
    ("png", _plain("PNG", "P")),
    ("png", _plain("PNG", "L")),
    ("png", _of_array(partial(_grey_of_16_bits, "PNG"))),
    ("jpg", _plain("JPEG", quality=90)),
    ("jpg", _plain("JPEG", quality=85, progressive=True)),
    ("jpg", _of_array(lambda picture: jpeg(inks(picture), mode="CMYK"))),
    ("jpg", _of_array(several)),
    ("jpg", _of_array(_on_its_side)),
    ("jpg", _of_array(lambda picture: jpeg(picture)[:-2])),  # without its end mark
    ("webp", _plain("WEBP", quality=90)),
    ("webp", _plain("WEBP", lossless=True)),
    ("avif", _plain("AVIF", quality=85)),
    ("bmp", _plain("BMP")),
    ("bmp", _plain("BMP", "P")),
    ("gif", _plain("GIF")),
    ("tif", _plain("TIFF")),
    ("tif", _plain("TIFF", compression="tiff_lzw")),
    ("tif", _of_array(partial(_grey_of_16_bits, "TIFF"))),
    ("ppm", _plain("PPM")),
    ("pgm", _plain("PPM", "L")),
    *([("heic", _heif)] if can_read("HEIF") else []),
)
