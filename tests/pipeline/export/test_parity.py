"""parity: equal models pass, others fail with all figures in the error."""

import numpy as np
import pytest
import torch

from pipeline.export import onnx_graph, parity
from tests.pipeline.cases import classifier, prepared_set, torch_probabilities

PREPARED = prepared_set()


@pytest.fixture(scope="module")
def net() -> torch.nn.Module:
    return classifier(PREPARED).net


@pytest.fixture(scope="module")
def model(net: torch.nn.Module) -> bytes:
    graph = onnx_graph.trace(onnx_graph.WithSoftmax(net), (1, 12, 12), ["probabilities"])
    return onnx_graph.to_bytes(graph, {})


def gate(net: torch.nn.Module, *, off: float = 0.0, tolerance: float = 1e-5) -> parity.Gate:
    expected = torch_probabilities(net, PREPARED.val.images)
    expected[3] += off
    return parity.Gate(PREPARED.val.images, expected, tolerance)


def test_the_same_network_passes(net: torch.nn.Module, model: bytes) -> None:
    """A figure for each batch size, all within the tolerance, and no class changed."""
    found = gate(net).check(model, name="m.onnx")
    assert [one.batch_size for one in found] == [1, 2, 7, 64]
    assert all(one.max_difference < 1e-5 and one.changed == 0 for one in found)
    assert list(parity.plain(found)) == ["batch_01", "batch_02", "batch_07", "batch_64"]


def test_one_differing_image_fails_with_figures(net: torch.nn.Module, model: bytes) -> None:
    """The error names the file, the difference at each batch size, and what is allowed."""
    with pytest.raises(parity.ParityError) as caught:
        gate(net, off=0.01).check(model, name="m.onnx")
    text = str(caught.value)
    for part in ("m.onnx", "40 validation images", "batch 1: 0.01", "batch 64: 0.01", "1e-05"):
        assert part in text


def test_changed_class_fails_within_the_tolerance(net: torch.nn.Module, model: bytes) -> None:
    """A tolerance that lets everything through does not let another class through."""
    one = gate(net, tolerance=2.0)
    turned = parity.Gate(one.images, np.roll(one.expected, 1, axis=1), 2.0)
    with pytest.raises(parity.ParityError, match="changed"):
        turned.check(model, name="m.onnx")


def test_not_a_number_fails(net: torch.nn.Module, model: bytes) -> None:
    """NaN compares as neither greater nor smaller, and must not slip through."""
    with pytest.raises(parity.ParityError, match="nan"):
        gate(net, off=float("nan"), tolerance=1.0).check(model, name="m.onnx")
