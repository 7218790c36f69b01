"""Names of any script become pictures, or are said to be unwritable here."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.data import lettering

NOBODY = "\U00012000\U00012001"  # cuneiform


def drawn(text: str) -> set[int]:
    canvas = Image.new("RGB", (120, 30))
    lettering.write(ImageDraw.Draw(canvas), (2, 2), text, size=14, fill=(255, 255, 255))
    return {int(value) for value in np.unique(np.asarray(canvas))}


@pytest.mark.parametrize("text", ["cat", "chat ailé", "кошка", "γάτα", "قطة"])
def test_scripts_that_are_always_there(text: str) -> None:
    """DejaVu comes with matplotlib."""
    assert lettering.shown((text,)) == (text,)
    assert 255 in drawn(text)


def test_letters_that_no_font_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class by its number, other text by the letters' numbers, and a word of what to do."""
    first = lettering._fonts()[:1]  # noqa: SLF001 - this machine may have a font for everything
    monkeypatch.setattr(lettering, "_fonts", lambda: first)
    lettering.covering.cache_clear()
    assert lettering.shown(("cat", NOBODY)) == ("cat", "class 1")
    message = lettering.lost(("cat", NOBODY))
    assert message is not None
    assert f"class 1 is {NOBODY}: install one" in message
    assert lettering.lost(("cat",)) is None
    assert 255 in drawn(NOBODY)
    lettering.covering.cache_clear()


def test_a_font_of_boxes_covers_nothing() -> None:
    """Matplotlib brings one that claims every letter."""
    assert not any("LastResort" in path for path in lettering._fonts())  # noqa: SLF001
