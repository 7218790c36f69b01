"""The photo benchmark measures both sides, and more for a larger picture."""

from pathlib import Path

import pytest

from benchmarks.photos import BEFORE, FLOOR, NOW, Bench, draw, read, served
from tests.serving.live import ROOT


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, {BEFORE: ROOT, NOW: ROOT}, core=0)


def test_the_reader_is_measured_in_a_process_of_its_own(bench: Bench) -> None:
    """Decoding all of a JPEG holds more than decoding what a model needs."""
    path = draw(bench.folder / "photo.jpg", (1600, 1200))
    whole, needed = read(bench, FLOOR, path, 32), read(bench, NOW, path, 32)
    assert min(needed.cpu_s, whole.cpu_s) > 0
    assert 0 <= needed.grown_mb < whole.grown_mb


def test_the_server_is_measured_by_its_own_time(bench: Bench) -> None:
    """One cost for each picture sent; a PNG cannot be decoded smaller."""
    paths = [draw(bench.folder / f"photo.{kind}", (1600, 1200)) for kind in ("jpg", "png")]
    jpeg, png = served(bench, NOW, paths, 32)
    assert min(jpeg.cpu_s, png.cpu_s) > 0
    assert jpeg.grown_mb < png.grown_mb
