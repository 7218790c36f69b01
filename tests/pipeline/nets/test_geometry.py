"""Map sizes and impossible nets, without torch."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import config, net_names
from pipeline.nets import geometry

MODEL = config.load(Path(__file__).parents[3] / "params.yaml").model


def model(**changes: Any) -> config.Model:  # noqa: ANN401 - any field of Model
    return msgspec.structs.replace(MODEL, **changes)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (28, 28, geometry.Canvas(scale=1, top=2, left=2, height=32, width=32)),
        (8, 8, geometry.Canvas(scale=4, top=0, left=0, height=32, width=32)),
        (40, 20, geometry.Canvas(scale=1, top=0, left=6, height=40, width=32)),
    ],
)
def test_canvas(height: int, width: int, expected: geometry.Canvas) -> None:
    """Small images grow by a whole factor and are centred; a longer side stays as it is."""
    assert geometry.fit_canvas(height, width, least=32) == expected


def test_map_sizes_of_figure_18() -> None:
    """32 → 28 → 14 → 10 → 5."""
    assert geometry.map_sizes(model(), 32, 32) == (5, 5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kernel": 33}, ["model.kernel is 33", "convolution 1", "32 x 32 px", "at most 32"]),
        ({"kernel": 15}, ["model.kernel is 15", "convolution 2", "9 x 9 px", "at most 9"]),
        ({"kernel": 32}, ["model.pooling", "pooling 1", "1 x 1 px", "2 x 2 px or more"]),
    ],
)
def test_impossible_nets_are_refused(changes: dict[str, Any], words: list[str]) -> None:
    """The error names the place, what was given and what is allowed."""
    with pytest.raises(geometry.GeometryError) as caught:
        geometry.check_net(model(**changes), (1, 28, 28))
    for word in words:
        assert word in str(caught.value)


def test_zoo_takes_any_image() -> None:
    """Small images are brought up to the net's least size."""
    for name, least in (("alexnet", 64), ("vgg11", 32), ("densenet121", 32), ("zfnet", 64)):
        geometry.check_net(model(name=name), (1, 8, 8))
        assert net_names.family(name).least == least


def test_sides_are_multiples() -> None:
    """A net of patches of 16 px is given whole patches, and a square where it needs one."""
    canvas = geometry.fit_canvas(41, 60, least=32, multiple=16, square=True)
    assert (canvas.scale, canvas.height, canvas.width) == (1, 64, 64)
    canvas = geometry.fit_canvas(41, 60, least=32, multiple=16)
    assert (canvas.height, canvas.width) == (48, 64)


def test_geometry_needs_no_torch() -> None:
    """A stage refuses an impossible net before any heavy import."""
    code = "import sys, pipeline.nets.geometry; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
