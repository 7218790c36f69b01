"""Every format x mode x depth x alpha x orientation x damage: files, and what must come of them.

`cases()` makes over 300 of them in memory, in a second or two, from arithmetic pictures; nothing
is read from disk. Each has the upright picture on white paper that was put in (so that pixels are
checked against what was meant, not against a decoder), or the refusal that is due. Import it as
`tests.contract.reading.corpus`, from any test that must read files as training and serving do.
"""

from functools import cache

from tests.contract.reading.case import Case
from tests.contract.reading.of_animations import cases as animations
from tests.contract.reading.of_bitmaps import cases as bitmaps
from tests.contract.reading.of_boxes import cases as boxes
from tests.contract.reading.of_jpeg import cases as jpeg
from tests.contract.reading.of_nothing import cases as nothing
from tests.contract.reading.of_png import cases as png
from tests.contract.reading.of_tiff import cases as tiff

__all__ = ["Case", "cases"]

_MAKERS = (png, jpeg, bitmaps, animations, tiff, boxes, nothing)


@cache
def cases() -> tuple[Case, ...]:
    """All of them, each of its own name."""
    return tuple(one for maker in _MAKERS for one in maker())
