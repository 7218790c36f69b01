"""onnx_graph: one clean file, and errors that say what torch said."""

import onnx
import pytest
import torch

from pipeline.export import model_file, onnx_graph
from pipeline.export.onnx_graph import ExportError
from tests.pipeline.cases import classifier, prepared_set

PREPARED = prepared_set()


def test_file_says_nothing_of_where_it_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    """No source path, no build, no intermediate names; opset 20; nothing printed."""
    net = classifier(PREPARED).net
    described = model_file.describe(
        PREPARED.dataset,
        net,
        name="mine",
        hyperparameters={"model.name": "lenet"},
        params_sha256="2" * 64,
    )
    content = model_file.model_bytes(net, described, PREPARED.val, golden=3)
    model = onnx.load_from_string(content)
    assert b".py" not in content
    assert "+" not in model.producer_version
    assert [one.version for one in model.opset_import] == [20]
    assert not [node for node in model.graph.node if node.metadata_props or node.doc_string]
    assert not model.graph.value_info
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}  # folded
    assert sorted(one.key for one in model.metadata_props) == [
        "asked", "classes", "dataset", "golden", "hyperparameters", "image_shape", "limits",
        "model_name", "net", "parameters", "params_sha256", "probes", "reading", "statistics",
        "trained_formats",
    ]  # fmt: skip
    assert capsys.readouterr().out == ""


class Undecided(torch.nn.Module):
    """Its control flow depends on the data: no graph can hold it."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float() if images.sum().item() > 3 else images.float() * 2


def test_network_that_is_no_graph() -> None:
    """One line that says what began it, instead of pages."""
    with pytest.raises(
        ExportError, match=r"cannot export this network: .*data-dependent"
    ) as caught:
        onnx_graph.trace(Undecided(), (1, 4, 4), ["probabilities"])
    assert "\n" not in str(caught.value)


def test_equal_parameters_are_stored_once() -> None:
    """A parameter that is given out is the one that is used, also where two are equal."""
    net = torch.nn.Linear(2, 2, bias=False)
    graph = onnx_graph.trace(Scaled(net), (2,), ["out"])
    before = len(graph.graph.initializer)
    onnx_graph.add_parameter_outputs(graph, {"w": net.weight, "other": torch.ones(3) * 7})
    assert len(graph.graph.initializer) == before + 1
    assert [output.name for output in graph.graph.output] == ["out", "w", "other"]
    onnx_graph.to_bytes(graph, {})


class Scaled(torch.nn.Module):
    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = self.net(images.float())
        return scaled
