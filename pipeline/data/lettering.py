"""Text of any script in pictures: by a font that has its letters, or by words that all fonts have.

DejaVu, which comes with matplotlib, has Latin, Greek, Cyrillic, Arabic and more; what it lacks, as
Chinese, Japanese and Thai, is looked for among the fonts of the system.
"""

from functools import cache
from pathlib import Path

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
FIRST = "DejaVuSans.ttf"
LAST_RESORT = "LastResort"  # a font of boxes


def shown(names: tuple[str, ...]) -> tuple[str, ...]:
    """Class names for a picture: `class 3` for one that no font here can write."""
    return tuple(
        name if name.isascii() or covering(name) else f"class {index}"
        for index, name in enumerate(names)
    )


def lost(names: tuple[str, ...]) -> str | None:
    """What to tell of the names that no font here can write."""
    pairs = zip(names, shown(names), strict=True)
    if found := [f"{new} is {name}" for name, new in pairs if name != new]:
        return (
            f"no font here has the letters of some names; in pictures {', '.join(found)}: install "
            "one (Debian: apt-get install fonts-noto-core fonts-noto-cjk), and run it again"
        )
    return None


def font(text: str, size: float) -> Font:
    """Pillow's own for ASCII, so that common pictures are the same everywhere."""
    path = None if text.isascii() else covering(text)
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


def write(  # noqa: PLR0913 - as Pillow's
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    *,
    size: float,
    fill: tuple[int, int, int],
    anchor: str = "la",
) -> None:
    """Letters that no font has are written as their numbers."""
    if not text.isascii() and covering(text) is None:
        text = text.encode("ascii", "backslashreplace").decode()
    draw.text(place, text, fill=fill, font=font(text, size), anchor=anchor)


@cache
def covering(text: str) -> str | None:
    """The file of a font that has all letters of `text`: DejaVu, or else the system's first."""
    wanted = {ord(letter) for letter in text if not letter.isspace()}
    return next((path for path in _fonts() if wanted <= _letters(path)), None)


@cache
def _fonts() -> tuple[str, ...]:
    from matplotlib import font_manager, get_data_path  # noqa: PLC0415 - most names need no font

    installed = {entry.fname for entry in font_manager.fontManager.ttflist}
    system = sorted(path for path in installed if LAST_RESORT not in path and Path(path).exists())
    return (str(Path(get_data_path(), "fonts/ttf", FIRST)), *system)


@cache
def _letters(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415 - as above

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # bitmap and colour fonts
        return frozenset()
