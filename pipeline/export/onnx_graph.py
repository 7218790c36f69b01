"""A torch module as the bytes of one ONNX file: the same bytes for the same weights, anywhere."""

import contextlib
import hashlib
import io
import sys
from collections.abc import Mapping, Sequence

import onnx
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

from pipeline.errors import PipelineError

OPSET = 20
EXAMPLES = 2  # with 1, the exporter takes the batch for a constant


class ExportError(PipelineError):
    """The network cannot be written as ONNX."""


class WithSoftmax(nn.Module):
    """Images to probabilities, around a network that gives logits."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net(images)
        return logits.softmax(dim=1)


def trace(module: nn.Module, image_shape: Sequence[int], outputs: Sequence[str]) -> ModelProto:
    """Export `module` with the input `images` uint8 (batch, C, H, W).

    Raises ExportError, after printing what the exporter said.
    """
    example = torch.zeros((EXAMPLES, *image_shape), dtype=torch.uint8)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):  # it prints its progress
            program = torch.onnx.export(
                module.eval(),
                (example,),
                dynamo=True,
                external_data=False,
                opset_version=OPSET,
                input_names=["images"],
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        sys.stderr.write(said.getvalue())
        raise ExportError(f"torch cannot export this network: {_root(error)}") from error
    model: ModelProto = program.model_proto  # type: ignore[union-attr]  # with dynamo: never None
    return cleaned(model)


def _root(error: BaseException) -> str:
    """The first line of what began it: torch wraps it in advice, three times over."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).partition("\n")[0]


def cleaned(model: ModelProto) -> ModelProto:
    """Without what tells where and how it was exported: source paths, names of symbols, build."""
    model.producer_version = model.producer_version.partition("+")[0]
    model.doc_string = ""
    del model.metadata_props[:]
    graph = model.graph
    graph.doc_string = ""
    del graph.value_info[:]
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    return model


def to_bytes(model: ModelProto, properties: Mapping[str, str]) -> bytes:
    """Set the metadata, in the order of its names, and serialise. The model itself is changed."""
    helper.set_model_props(model, dict(sorted(properties.items())))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def add_parameter_outputs(model: ModelProto, parameters: Mapping[str, Tensor]) -> None:
    """Give parameters out of the graph, by the names of the outputs.

    A parameter that the graph holds already, under whatever name, is not stored twice.
    """
    held = {_identity(one): one.name for one in model.graph.initializer}
    for output, parameter in parameters.items():
        tensor = numpy_helper.from_array(parameter.detach().cpu().contiguous().numpy(), output)
        name = held.get(_identity(tensor))
        if name is None:
            name = tensor.name = f"{output}.values"
            model.graph.initializer.append(tensor)
        model.graph.node.append(helper.make_node("Identity", [name], [output], f"give {output}"))
        shape = list(parameter.shape)
        model.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, shape))


def _identity(tensor: TensorProto) -> tuple[int, tuple[int, ...], str]:
    content = hashlib.sha256(numpy_helper.to_array(tensor).tobytes())
    return tensor.data_type, tuple(tensor.dims), content.hexdigest()
