"""The page on models/model.onnx, as `make repro` left it: all ten digits, drawn."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.visit import Point, Visit, visiting
from tests.serving.live import Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MODEL = Path(__file__).parents[2] / "models/model.onnx"
pytestmark = pytest.mark.soak


def arc(centre: Point, radii: Point, start: int, end: int) -> list[Point]:
    """Part of an ellipse, in degrees clockwise from three o'clock."""
    steps = [math.radians(start + (end - start) * i / 16) for i in range(17)]
    return [(centre[0] + radii[0] * math.cos(t), centre[1] + radii[1] * math.sin(t)) for t in steps]


DIGITS: dict[str, list[list[Point]]] = {
    "0": [arc((0.5, 0.5), (0.19, 0.3), -90, 270)],
    "1": [[(0.42, 0.3), (0.52, 0.2), (0.52, 0.8)]],
    "2": [[*arc((0.49, 0.35), (0.18, 0.17), 190, 400), (0.32, 0.8), (0.7, 0.8)]],
    "3": [arc((0.47, 0.34), (0.16, 0.15), 205, 430) + arc((0.47, 0.65), (0.19, 0.17), -80, 150)],
    "4": [[(0.55, 0.18), (0.3, 0.58), (0.72, 0.58)], [(0.58, 0.4), (0.58, 0.84)]],
    "5": [[(0.66, 0.2), (0.38, 0.2), (0.36, 0.46), *arc((0.48, 0.62), (0.18, 0.19), 230, 500)]],
    "6": [[(0.6, 0.17), (0.42, 0.4), *arc((0.49, 0.64), (0.16, 0.17), 200, 560)]],
    "7": [[(0.3, 0.22), (0.7, 0.22), (0.46, 0.82)]],
    "8": [arc((0.5, 0.35), (0.14, 0.15), 90, 450) + arc((0.5, 0.66), (0.17, 0.16), -90, 270)],
    "9": [[*arc((0.5, 0.36), (0.16, 0.16), 0, 360), (0.66, 0.4), (0.6, 0.82)]],
}


@pytest.fixture(scope="module")
def published() -> Iterator[Server]:
    if not MODEL.exists():
        pytest.skip("models/model.onnx is missing: `make repro` writes it")
    with serving("--model", str(MODEL), "--no-access-log") as running:
        if running.get("/model")["dataset"]["name"] != "mnist":
            pytest.skip("the model was not trained on MNIST")
        yield running


def test_all_ten_digits_win(browser: "Browser", published: Server) -> None:
    """Each digit as people draw it is the most probable class, and its layers add up."""
    with visiting(browser, published.url) as visit:
        wrong = {digit: _drawn(visit, strokes) for digit, strokes in DIGITS.items()}
        wrong = {digit: found for digit, found in wrong.items() if found != digit}
        assert not wrong
        visit.hover("softmax", map_index=0, row=0, column=9)
        assert "as the server computed it" in visit.find("#arithmetic").inner_text()


def _drawn(visit: Visit, strokes: list[list[Point]]) -> str:
    visit.find("#clear").click()
    visit.rest()
    visit.draw(strokes)
    found = visit.probabilities()
    return max(found, key=found.__getitem__)
