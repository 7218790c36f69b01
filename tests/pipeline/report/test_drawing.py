"""drawing: equal bytes each time, pages that choose the colours, sizes that stay bounded."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pipeline.evaluation import metrics
from pipeline.evaluation.training_record import Curves, Replay
from pipeline.report import drawing, figures, galleries, illustrations
from tests.pipeline.cases import prepared_set

GENERATOR = np.random.default_rng(0)


def all_figures(classes: int, channels: int) -> dict[str, Figure]:
    names = [f"a class called {number}" for number in range(classes)]
    images = GENERATOR.integers(0, 256, (classes, channels, 40, 30), dtype=np.uint8)
    labels = np.arange(classes)
    probabilities = np.full((classes, classes), 1 / classes)
    bins = metrics.reliability(probabilities, labels, bins=15)
    curves = Curves((1,), (0.5,), (float("nan"),), (0.9,), (0.1,))
    replay = Replay(
        images=tuple(range(classes)),
        labels=tuple(range(classes)),
        epochs=(0, 1),
        probabilities=((tuple(probabilities[0]),) * classes,) * 2,
    )
    shown = min(classes, 10)
    shapes = [(64, 112, 112), (3, 5, 7), (1, 1, 1), (5000,), (4,)]
    kinds = [GENERATOR.normal(size=(shown, *shape)) for shape in shapes]
    maps = {f"layer{number}/of a deep net": kinds[number % len(kinds)] for number in range(40)}
    return {
        "confusion": figures.confusion(metrics.confusion_matrix(probabilities, labels), names),
        "curves": figures.curves(curves),
        "feature_maps": galleries.feature_maps(images[:shown], names[:shown], maps),
        "filters": galleries.filters(GENERATOR.normal(size=(256, channels, 11, 11))),
        "mistakes": galleries.mistakes(images[:9], labels[:9], probabilities[:9], names),
        "reliability": figures.reliability(bins, error=0.1),
        "replay": figures.replay(replay, images, names),
        "robustness": figures.robustness(1.0, {"blur": ("soft", 0.0)}),
    }


@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (47, 3), (100, 1)])
def test_figures_stay_bounded(classes: int, channels: int) -> None:
    """Any number of classes, channels and layers gives a picture that a screen can hold."""
    for name, drawn in all_figures(classes, channels).items():
        with Image.open(io.BytesIO(drawing.png(drawn))) as picture:
            assert max(picture.size) <= 2000, name
            assert min(picture.size) >= 80, name


def test_png_is_the_same_each_time() -> None:
    """Two drawings of one thing are equal bytes, without the program's name and version."""
    first, second = (figures.robustness(0.9, {"blur": ("soft", 0.5)}) for _ in range(2))
    content = drawing.png(first)
    assert content == drawing.png(second)
    assert b"Matplotlib" not in content
    assert drawing.svg(first) == drawing.svg(second)


def test_svg_follows_the_page() -> None:
    """Colours are variables of the page; nothing in it has an id of its own but clip paths."""
    text = drawing.svg(figures.robustness(0.9, {"blur": ("<soft>", 0.5)}))
    assert text.startswith("<svg")
    for colour, name in drawing.VARIABLES.items():
        assert colour not in text
        assert f"var(--{name})" in text or name in {"good", "bad"}
    assert 'id="axes' not in text
    assert "&lt;soft&gt;" in text
    assert " width=" not in text[: text.index(">")]


def test_signed_colours() -> None:
    """Zero is the page itself, the greatest is opaque; above and below differ in colour."""
    above, zero, below = drawing.signed(np.array([[2.0, 0.0, -1.0]]))[0]
    assert (above[3], zero[3], below[3]) == (255, 0, 128)
    assert tuple(above[:3]) != tuple(below[:3])


def test_spread_keeps_the_ends() -> None:
    """At most so many, the first and the last among them."""
    assert drawing.spread(100, 5) == [0, 25, 50, 74, 99]
    assert drawing.spread(3, 5) == [0, 1, 2]


def test_worst_mistakes_are_the_surest() -> None:
    """Wrong answers only, by the probability they were given with."""
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
    assert galleries.worst_mistakes(probabilities, np.array([1, 1, 0, 0]), most=2) == [0, 2]


def test_no_mistakes_is_said() -> None:
    """A perfect model gives a picture that says so."""
    nothing = np.zeros((0, 1, 4, 4), np.uint8)
    drawn = galleries.mistakes(nothing, np.zeros(0, int), np.zeros((0, 2)), ["a", "b"])
    assert "No mistake" in drawing.svg(drawn)


@pytest.mark.parametrize(("classes", "size"), [(2, 130), (30, 40)])
def test_contact_sheet_of_the_report_stays_small(classes: int, size: int) -> None:
    """Many classes and large images are thinned out."""
    content = illustrations.contact_sheet(prepared_set(classes=classes, size=size, images=60))
    with Image.open(io.BytesIO(content)) as picture:
        assert max(picture.size) <= 2000


def test_names_of_any_script_and_of_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page keeps the letters, whatever fonts are here; dollars are no formula."""
    names = ("кошка", "猫", "$x^", "$")
    monkeypatch.setitem(drawing.STYLE, "font.family", "DejaVu Sans")  # and back
    drawing.letter(names)
    one = drawing.figure(3, 3)
    (axis,) = drawing.axes(one)
    axis.set_title(" ".join(names))
    assert " ".join(names) in drawing.svg(one)
