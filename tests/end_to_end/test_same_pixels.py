"""Training and serving read the same pixels, and refuse the same files."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

import pytest

from contract.reading.rules import Fit, Rules, current
from pipeline.data import looking
from pipeline.data.datasets import FOLDER_CHANNELS
from tests.contract.reading.corpus import Case, cases
from tests.end_to_end import picture_doors, pixel_model
from tests.end_to_end.picture_doors import Door
from tests.end_to_end.pixel_model import Pixels
from tests.serving.live import Answer, serving

REFUSALS = {400, 413, 415}
ALL = cases()
SOME = ALL[::9]
IN_SOAK = {("rgb", 24, "squeeze"), ("grey", 41, "pad")}

Colour = Literal["rgb", "grey"]
Read = tuple[Pixels | None, str]  # and why there are none


@dataclass(frozen=True)
class Kind:
    """Of a model of pictures."""

    colour: Colour
    size: int
    fit: Fit

    @property
    def shape(self) -> tuple[int, int, int]:
        return (FOLDER_CHANNELS[self.colour], self.size, self.size)

    @property
    def rules(self) -> Rules:
        return current(fit=self.fit)


def compare(folder: Path, files: Sequence[Case], doors: Sequence[Door], kind: Kind) -> None:
    """Read each file by prepare's way and through doors of a server of its own."""
    pixel_model.write(folder / "model.onnx", kind.rules, kind.shape)
    path = folder / "picture.jpg"  # whatever it is
    with serving("--model", str(folder / "model.onnx"), "--no-access-log") as server:
        for case in files:
            path.write_bytes(case.data)
            trained, why = prepared(path, kind)
            assert (trained is None) == (case.refusal is not None), (case.name, why)
            for door in doors:
                served, words = answered(door(server, case.data), kind)
                where = (case.name, door.__name__, why, words)
                assert (trained is None) == (served is None), where
                if trained is not None and served is not None:
                    assert (trained == served).all(), where


def prepared(path: Path, kind: Kind) -> Read:
    """Pixels as training gets them."""
    seen = looking.look(str(path), rules=kind.rules, shape=kind.shape)
    return (None if seen.reason else seen.pixels), seen.reason


def answered(answer: Answer, kind: Kind) -> Read:
    """Pixels as the network got them."""
    if answer.status in REFUSALS:
        return None, answer.json["error"]
    assert answer.status == 200, answer
    return pixel_model.pixels(picture_doors.probabilities(answer), kind.shape), ""


def test_a_few_of_each_format_are_the_same(tmp_path: Path) -> None:
    """One model of grey pictures, every ninth file of the corpus."""
    assert {case.format for case in SOME} >= {"PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM", "WEBP"}
    compare(tmp_path, SOME, [picture_doors.body], Kind("grey", 16, "crop"))


@pytest.mark.soak
def test_every_door_reads_the_same(tmp_path: Path) -> None:
    """The whole corpus as a body, form, data: URL, BYTES tensor and invocation."""
    compare(tmp_path, ALL, picture_doors.ALL, Kind("rgb", 16, "squeeze"))


@pytest.mark.parametrize(
    ("colour", "size", "fit"),
    [
        pytest.param(*kind, marks=pytest.mark.soak if kind in IN_SOAK else pytest.mark.soak_all)
        for kind in product(("rgb", "grey"), (24, 41), ("squeeze", "crop", "pad"))
    ],
)
def test_the_whole_corpus_is_the_same(colour: Colour, size: int, fit: Fit, tmp_path: Path) -> None:
    """0 pixels of 0 files differ, and nothing is accepted by one side alone."""
    assert len(ALL) >= 300
    compare(tmp_path, ALL, [picture_doors.body], Kind(colour, size, fit))
