"""Sizes of nets against counts by hand and published receptive fields."""

from pathlib import Path

import msgspec
import pytest

from benchmarks.measure import Size, measure
from pipeline import config
from pipeline.nets import zoo

MODEL = config.load(Path(__file__).parents[2] / "params.yaml").model


def size_of(name: str) -> Size:
    net = zoo.build(
        msgspec.structs.replace(MODEL, name=name),
        image_shape=(1, 28, 28), classes=10, mean=[0.13], std=[0.31],
    )  # fmt: skip
    return measure(net, (1, 28, 28))


def test_lenet() -> None:
    """By hand: 6·25·28² + 16·150·10² + 400·120 + 120·84 + 84·10; 5, 6, 14, 16 px."""
    assert size_of("lenet") == Size(parameters=62_158, multiply_adds=416_520, field=16)


@pytest.mark.parametrize(("name", "field"), [("resnet18", 435), ("densenet121", 2071)])
def test_published_receptive_fields(name: str, field: int) -> None:
    """Araujo, Norris and Sim 2019, Computing Receptive Fields of Convolutional Neural Networks."""
    assert size_of(name).field == field
