"""One visual language with the page, and words that come from the model."""

import re
from pathlib import Path

import numpy as np
import pytest

from contract.sidecars import Layer
from pipeline.nets.lenet import NONLINEARITIES, POOLINGS
from pipeline.report import drawing, layer_words, numbers
from pipeline.report.style import CSS

PAGE = Path(__file__).parents[3] / "serving/page"
COLOUR = re.compile(r"--([a-z-]+): light-dark\((#\w+), (#\w+)\)")


def colours(css: str) -> dict[str, tuple[str, str]]:
    return {name: (light, dark) for name, light, dark in COLOUR.findall(css)}


def test_colours_are_those_of_the_page() -> None:
    """A name that both have is one colour, light and dark; charts take the light ones."""
    page, report = colours((PAGE / "base.css").read_text()), colours(CSS)
    shared = page.keys() & report.keys()
    assert shared >= {"paper", "ink", "muted", "line", "accent", "map-positive"}
    assert {name: report[name] for name in shared} == {name: page[name] for name in shared}
    for colour, name in drawing.VARIABLES.items():
        assert page[name][0] == colour, name


def test_positive_is_warm() -> None:
    """Orange above zero, as on the page: more red than blue; the other way round below."""
    above, below = drawing.signed(np.array([1.0, -1.0]))
    assert above[0] > above[2]
    assert below[0] < below[2]
    red, _, blue = (int(drawing.WARM[at : at + 2], 16) for at in (1, 3, 5))
    assert red > blue


def test_numbers_are_written_as_on_the_page() -> None:
    """Commas between thousands, a space before the percent sign, two decimals for measures."""
    assert numbers.count(62158) == "62,158"
    assert numbers.percent(0.99421).replace(numbers.SPACE, " ") == "99.42 %"
    assert numbers.percent(0.9, decimals=1).replace(numbers.SPACE, " ") == "90.0 %"
    assert numbers.size(254_000).replace(numbers.SPACE, " ") == "254 kB"
    assert numbers.size(44_700_000).replace(numbers.SPACE, " ") == "44.7 MB"


def layer(kind: str, function: str | None = None) -> Layer:
    return Layer(name=kind, kind=kind, shape=(1,), function=function)


@pytest.mark.parametrize(
    ("pooling", "function", "expected"),
    [
        ("average", "tanh", ("keeps the mean", "tanh, which")),
        ("sum", "gelu", ("keeps the sum", "GELU, which")),
        ("max", "relu", ("keeps the largest", "ReLU, which sets negative")),
    ],
)
def test_words_come_from_the_layers(pooling: str, function: str, expected: tuple[str, ...]) -> None:
    """Pooling and non-linearity are those of the model; no other is spoken of."""
    layers = (layer("convolution"), layer("nonlinearity", function), layer("pooling", pooling))
    words = layer_words.steps(layers)
    assert all(text in words for text in expected)
    others = [text for text in ("largest", "the mean", "the sum") if text in words]
    assert len(others) == 1
    assert layer_words.pools(layers)


def test_a_net_of_units_alone() -> None:
    """Without convolutions and pooling, neither is mentioned."""
    words = layer_words.steps((layer("fully_connected"), layer("softmax")))
    assert "convolution" not in words
    assert "pooling" not in words
    assert "fully connected" in words


def test_every_function_of_the_nets_has_words() -> None:
    """What a model may be made of is what the report and the page can name."""
    assert layer_words.NONLINEARITIES.keys() == NONLINEARITIES.keys()
    assert layer_words.POOLINGS.keys() == POOLINGS.keys()
    page = (PAGE / "arithmetic_pointwise.js").read_text()
    assert all(f"  {name}: [" in page for name in (*NONLINEARITIES, *POOLINGS))
