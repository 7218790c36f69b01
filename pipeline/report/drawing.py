"""How figures look, and how they become bytes: the same ones each time.

A figure is drawn once and saved twice: as PNG on white, and as SVG whose colours are CSS variables,
so that the report's charts follow its light and dark themes.
"""

import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from numpy.typing import NDArray

from contract.files import write_bytes
from pipeline.data import lettering

Array = NDArray[Any]

# The light colours of the server's page, under their names in serving/page/base.css.
VARIABLES = {
    "#1b1c20": "ink",
    "#5a5e68": "muted",
    "#dfdcd3": "line",
    "#3848c4": "accent",
    "#c2410c": "map-positive",
    "#1c6b3c": "good",
    "#a92a1c": "bad",
}
INK, MUTED, LINE, ACCENT, WARM, GOOD, BAD = VARIABLES
POSITIVE, NEGATIVE = "#ea701e", "#3b82f6"  # in pixels, which follow no theme: for both
RIGHT, WRONG = "#6573e8", "#dc4a3a"  # likewise
STYLE: dict[Any, Any] = {  # the key type is a Literal of three hundred words
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.dpi": 110,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "image.interpolation": "none",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a class may be called $5
    "svg.hashsalt": "figures",
    "text.color": INK,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
}
styled = mpl.rc_context(STYLE)  # a decorator: the style holds while the function runs
LARGEST = 1.6  # px on the page for each pt of a figure
NAME_LENGTH = 12  # characters of a class name that a tick or a title has room for


def letter(names: Sequence[str]) -> None:
    """From now on, figures take letters that DejaVu lacks from fonts of the system."""
    paths = dict.fromkeys(filter(None, map(lettering.covering, names)))
    families = (FontProperties(fname=path).get_name() for path in paths)
    STYLE["font.family"] = list(dict.fromkeys(("DejaVu Sans", *families)))


def figure(width: float, height: float) -> Figure:
    """An empty figure in inches; without pyplot, which would keep it alive."""
    return Figure(figsize=(width, height), layout="constrained")


def axes(drawn: Figure, rows: int = 1, columns: int = 1, **options: Any) -> list[Axes]:  # noqa: ANN401 - as matplotlib's
    """All axes of a grid, row by row."""
    return list(drawn.subplots(rows, columns, squeeze=False, **options).flat)


@styled
def png(drawn: Figure) -> bytes:
    """PNG without the program's name and version: equal pictures are equal bytes."""
    _lay_out(drawn)
    with io.BytesIO() as file:
        drawn.savefig(file, format="png", facecolor="white", metadata={"Software": None})
        return file.getvalue()


@styled
def svg(drawn: Figure) -> str:
    """An <svg> element for a page that defines VARIABLES as CSS variables."""
    _lay_out(drawn)
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with io.StringIO() as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the browser finds one
        drawn.savefig(file, format="svg", transparent=True, metadata=nothing)
        text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # several on one page would share them
    text = re.sub(r'(<svg[^>]*?) height="[^"]*pt"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="([\d.]*)pt"', _at_most, text, count=1)
    for colour, name in VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    return text


def _lay_out(drawn: Figure) -> None:
    """Once for all files of a figure: it takes longer than the drawing."""
    if drawn.get_layout_engine() is not None:
        drawn.draw_without_rendering()
        drawn.set_layout_engine("none")


def _at_most(found: re.Match[str]) -> str:
    """As wide as its place, but not so wide that letters become headlines."""
    return f'{found[1]} style="max-width: {float(found[2]) * LARGEST:.0f}px"'


def save_all(drawn: dict[str, Figure], folder: Path) -> None:
    """Write NAME.png for each figure."""
    for name, one in drawn.items():
        write_bytes(folder / f"{name}.png", png(one))


def short(name: str) -> str:
    """A class name that fits."""
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"


def spread(total: int, most: int) -> list[int]:
    """At most `most` indexes of `total`, evenly spread, the first and the last among them."""
    return sorted({int(index) for index in np.linspace(0, total - 1, min(total, most)).round()})


def shaded(values: Array, colour: str, *, top: float = 1.0) -> Array:
    """RGBA: `colour`, the more opaque the closer to `top`; 0 is the page itself."""
    return _rgba(np.abs(values) / (top or 1.0), np.broadcast_to(_rgb(colour), (*values.shape, 3)))


def signed(values: Array) -> Array:
    """RGBA of numbers of either sign: orange above zero, blue below, scaled to their greatest."""
    colours = np.where((values >= 0)[..., None], _rgb(POSITIVE), _rgb(NEGATIVE))
    return _rgba(np.abs(values) / (float(np.abs(values).max(initial=0)) or 1.0), colours)


def picture(image: Array) -> Array:
    """RGB (H, W, 3) of one uint8 image (C, H, W): grey where it has not three channels."""
    colours = 3
    return np.moveaxis(image if len(image) == colours else np.repeat(image[:1], colours, 0), 0, 2)


def show(axis: Axes, pixels: Array, title: str = "", *, colour: str = MUTED) -> None:
    """A picture without ticks, its title above."""
    axis.imshow(pixels)
    blank([axis])
    axis.set_title(title, fontsize=8, color=colour, loc="center", pad=3)


def blank(unused: Sequence[Axes]) -> None:
    for axis in unused:
        axis.set_axis_off()
        axis.set(xticks=[], yticks=[])  # they are not seen, and would be laid out


def _rgb(colour: str) -> Array:
    return np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)], np.uint8)


def _rgba(opacity: Array, colours: Array) -> Array:
    alpha = np.clip(np.rint(opacity * 255), 0, 255).astype(np.uint8)
    return np.concatenate([colours.astype(np.uint8), alpha[..., None]], axis=-1)
