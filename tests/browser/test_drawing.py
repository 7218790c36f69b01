"""Drawing on the page: what is drawn wins, quickly, and can be undone, cleared and linked to."""

import json
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.browser.visit import Point, Visit

ZERO = [[(0.5 + 0.2 * math.sin(t / 4), 0.5 - 0.32 * math.cos(t / 4)) for t in range(27)]]
SEVEN: list[list[Point]] = [[(0.28, 0.25), (0.5, 0.24), (0.72, 0.25), (0.58, 0.5), (0.47, 0.8)]]
THREE: list[list[Point]] = [
    [(0.3, 0.25), (0.45, 0.17), (0.62, 0.22), (0.64, 0.36), (0.46, 0.47),
     (0.66, 0.57), (0.67, 0.74), (0.5, 0.84), (0.3, 0.77)]
]  # fmt: skip


@pytest.mark.parametrize(("digit", "strokes"), [("0", ZERO), ("3", THREE), ("7", SEVEN)])
def test_a_drawn_digit_wins(page: Visit, digit: str, strokes: list[list[Point]]) -> None:
    """Pointer events on #pad are followed by probabilities of which the digit's is the greatest."""
    page.draw(strokes)
    found = page.probabilities()
    assert max(found, key=found.__getitem__) == digit
    assert sum(found.values()) == pytest.approx(1, abs=1e-4)
    assert digit in page.find("#verdict").inner_text()


def test_clear_and_undo(page: Visit) -> None:
    """Undo takes back one stroke, clear all; without a drawing no class has a probability."""
    page.draw(ZERO)
    zero = page.probabilities()
    page.draw([[(0.1, 0.1), (0.9, 0.1)]])
    assert page.probabilities() != zero
    page.find("#undo").click()
    page.rest()
    assert page.probabilities() == pytest.approx(zero, abs=1e-6)
    page.find("#clear").click()
    page.rest()
    assert set(page.probabilities().values()) == {0}


def test_a_link_brings_the_drawing_back(page: Visit) -> None:
    """Copy link puts the strokes into the address; opening it shows the same probabilities."""
    page.draw(THREE)
    before = page.probabilities()
    page.find("#link").click()
    address = page.page.url
    assert "#drawing=" in address
    page.page.goto("about:blank")
    page.open("#" + address.partition("#")[2])
    assert page.probabilities() == pytest.approx(before, abs=0.02)  # points are kept in bytes


def test_a_link_to_a_sample(page: Visit) -> None:
    """#sample=4 opens with the fourth sample chosen."""
    page.page.goto("about:blank")
    page.open("#sample=4")
    assert page.find("#samples button").nth(3).get_attribute("aria-pressed") == "true"


def test_json_and_png_are_saved(page: Visit, tmp_path: Path) -> None:
    """JSON has the pixels, probabilities and activations; PNG is a picture."""
    with page.page.expect_download() as download:
        page.find("#json").click()
    path = tmp_path / "page.json"
    download.value.save_as(path)
    saved = json.loads(path.read_text())
    assert saved["probabilities"] == pytest.approx(page.probabilities())
    assert len(saved["image"]["pixels"]) == math.prod(saved["image"]["shape"])
    assert saved["activations"]["conv1"]["shape"] == [6, 28, 28]
    with page.page.expect_download() as download:
        page.find("#png").click()
    picture = tmp_path / "page.png"
    download.value.save_as(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def _png(image: NDArray[np.uint8]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_a_chosen_picture_is_classified(page: Visit) -> None:
    """A picture from a file is fitted by the server, whatever its size."""
    y, x = np.mgrid[:120, :90]
    ring = np.abs(np.hypot((x - 45) / 25, (y - 60) / 38) - 1) < 0.2
    sheet = np.where(ring, 20, 240).astype(np.uint8)
    page.find("#file").set_input_files(
        {"name": "zero.png", "mimeType": "image/png", "buffer": _png(sheet)}
    )
    page.page.wait_for_selector("#samples:not(:has([aria-pressed=true]))")
    page.rest()
    found = page.probabilities()
    assert max(found, key=found.__getitem__) == "0"
