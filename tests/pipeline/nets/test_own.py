"""A net of one's own: called, tried, and refused in a line where it is no classifier."""

import sys
from pathlib import Path

import msgspec
import pytest
import torch

from pipeline import config
from pipeline.nets import own, zoo
from pipeline.nets.errors import NetError

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
SHAPE = (3, 20, 24)
BODIES = {
    "good": "nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))",
    "number": "classes",
    "maps": "nn.Conv2d(channels, classes, 3)",
    "softmax": "nn.Sequential(nn.Flatten(), nn.LazyLinear(classes), nn.Softmax(dim=1))",
}


@pytest.fixture(autouse=True)
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder `mynets` with a function for each of BODIES."""
    folder = tmp_path / "mynets"
    folder.mkdir()
    (folder / "__init__.py").touch()
    functions = [
        f"def {name}(channels, classes):\n    return {body}\n" for name, body in BODIES.items()
    ]
    (folder / "some.py").write_text("\n".join(["from torch import nn\n", *functions]))
    (folder / "lacking.py").write_text("import a_package_that_is_not_here\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "mynets"]:
        monkeypatch.delitem(sys.modules, name)


def test_any_size_and_channels() -> None:
    """It gets the images as they are, normalised; nothing is scaled."""
    net = zoo.build(
        msgspec.structs.replace(PARAMS.model, name="mynets.some:good"),
        image_shape=SHAPE, classes=5, mean=[0.5] * 3, std=[0.2] * 3,
    )  # fmt: skip
    assert net(torch.zeros(2, *SHAPE, dtype=torch.uint8)).shape == (2, 5)
    assert net.training


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("some:number", "gives int: a torch.nn.Module is needed"),
        ("some:maps", r"makes \[2, 5, 18, 22\] of images \[2, 3, 20, 24\]: logits \[2, 5\]"),
        ("some:nothing", "mynets.some has no function nothing"),
        ("absent:good", "there is no mynets/absent.py"),
    ],
)
def test_what_is_no_classifier_is_refused(name: str, words: str) -> None:
    """With the name, what it gave and what is needed."""
    with pytest.raises(NetError, match=words):
        own.build(f"mynets.{name}", 3, 5, SHAPE[1:])


def test_what_it_lacks_is_its_own_error() -> None:
    """A package that the file imports is named by Python's own message."""
    with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_here"):
        own.build("mynets.lacking:good", 3, 5, SHAPE[1:])


def test_a_softmax_at_the_end_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Once is right, twice flattens every answer."""
    own.build("mynets.some:softmax", 3, 5, SHAPE[1:])
    assert "return the logits before it" in capsys.readouterr().err
    own.build("mynets.some:good", 3, 5, SHAPE[1:])
    assert not capsys.readouterr().err
