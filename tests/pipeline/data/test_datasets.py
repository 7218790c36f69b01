"""The data sets' shapes and classes are known before anything is fetched."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from pipeline import config
from pipeline.data import datasets


def data(**changes: object) -> config.Data:
    params = config.load(Path(__file__).parents[3] / "params.yaml")
    return msgspec.structs.replace(params.data, **changes)


@pytest.mark.parametrize(
    "name", [name for name in get_args(config.DatasetName) if name != "folder"]
)
def test_every_name_has_a_shape_and_distinct_classes(name: str) -> None:
    """(C, H, W) are positive, and no class name stands twice."""
    assert all(size > 0 for size in datasets.image_shape(data(dataset=name)))
    classes = datasets.kind(name, "balanced").classes
    assert len(set(classes)) == len(classes)


@pytest.mark.parametrize(("colour", "channels"), [("rgb", 3), ("grey", 1)])
def test_a_folder_takes_its_shape_from_the_parameters(colour: str, channels: int) -> None:
    """Size and colour of the user's own pictures are parameters."""
    shape = datasets.image_shape(data(dataset="folder", folder_colour=colour, folder_size=20))
    assert shape == (channels, 20, 20)


@pytest.mark.parametrize(
    ("split", "classes"),
    [("byclass", 62), ("bymerge", 47), ("balanced", 47), ("letters", 26), ("digits", 10)],
)
def test_emnist_splits_have_the_papers_numbers_of_classes(
    split: config.EmnistSplit, classes: int
) -> None:
    """Cohen et al. 2017, table II."""
    assert len(datasets.kind("emnist", split).classes) == classes


def test_each_emnist_split_has_its_own_name() -> None:
    """A model of the letters must not be registered over one of the digits."""
    assert datasets.title("emnist", "letters") == "emnist_letters"
    assert datasets.title("mnist", "letters") == "mnist"


def test_asking_for_a_shape_imports_nothing_heavy() -> None:
    """Every stage asks at its start, also those that need no torch."""
    probe = (
        "import sys, pipeline.data.datasets;"
        "print([m for m in ('torch','torchvision','sklearn','PIL','numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
