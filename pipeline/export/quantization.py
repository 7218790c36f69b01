"""Static int8 of a model's graph: u8 activations, s8 weights per channel, as QDQ pairs.

Ranges are the least and greatest values over calibration images, found in runs of one thread: the
same graph and images give the same bytes. What comes before the first layer with weights (pixels,
normalisation), the last such layer, softmax and the familiarity stay in float32.
"""

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

from contract.arrays import Images
from pipeline.errors import PipelineError
from pipeline.export.onnx_graph import cleaned
from pipeline.export.onnx_run import FAMILIARITY, PROBABILITIES, open_session

WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})
QUANTIZED = (  # what onnxruntime's processor kernels take in int8, or pass through
    *sorted(WEIGHTED), "Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool",
    "MaxPool", "Mul", "Relu", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
)  # fmt: skip
MOST_A_RUN, RUN_BYTES = 64, 64 << 20  # images, and bytes of all their values, of a run

Ranges = dict[str, tuple[np.float32, np.float32]]  # least and greatest value of each tensor


class QuantizationError(PipelineError):
    """A graph of which no int8 variant can be made."""


def quantized(model: ModelProto, images: Images) -> ModelProto:
    """A copy in int8, calibrated on uint8 images (N, C, H, W); without metadata.

    Raises QuantizationError where there is nothing to quantise.
    """
    graph = _named(model)
    inferred = onnx.shape_inference.infer_shapes(graph)
    chosen = quantizable(graph)
    if not any(node.op_type in WEIGHTED for node in chosen):
        raise QuantizationError("the network has no layer with weights before its last one")
    return cleaned(_with_pairs(inferred, chosen, ranges(graph, _tensors(inferred, chosen), images)))


def quantizable(graph: ModelProto) -> list[NodeProto]:
    """Nodes between the first layer with weights and the last one, both kinds as above."""
    nodes = graph.graph.node
    tail = _tail(graph)
    after: set[str] = set()  # values that a layer with weights has led to
    found = []
    for node in nodes:
        if node.op_type not in WEIGHTED and after.isdisjoint(node.input):
            continue
        after.update(node.output)
        own = any(name.startswith(FAMILIARITY) for name in (*node.input, *node.output))
        if node.op_type in QUANTIZED and node.name not in tail and not own:
            found.append(node)
    return found


def ranges(graph: ModelProto, names: Sequence[str], images: Images) -> Ranges:
    """The least and greatest of each named value over all images, with 0 between them."""
    shown = copy.deepcopy(graph)
    given = {one.name for one in shown.graph.output}
    shown.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in names
        if name not in given
    )
    session = open_session(shown.SerializeToString())
    found = {name: (np.float32(0), np.float32(0)) for name in names}
    start, size = 0, 1
    while start < len(images):
        batch = np.ascontiguousarray(images[start : start + size])
        values = session.run(list(names), {"images": batch})
        for name, value in zip(names, values, strict=True):
            least, most = found[name]
            found[name] = min(least, value.min()), max(most, value.max())
        start += len(batch)
        an_image = max(1, sum(value.nbytes for value in values) // len(batch))
        size = max(1, min(MOST_A_RUN, RUN_BYTES // an_image))
    return found


def _named(model: ModelProto) -> ModelProto:
    """A copy whose nodes can be told apart by their names, without metadata."""
    graph = cleaned(copy.deepcopy(model))
    for number, node in enumerate(graph.graph.node):
        node.name = node.name or f"unnamed_{number}"
    return graph


def _tail(graph: ModelProto) -> set[str]:
    """Names of the nodes from the last layers with weights to the probabilities."""
    makers = {name: node for node in graph.graph.node for name in node.output}
    found: set[str] = set()
    waiting = [PROBABILITIES]
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or node.name in found:
            continue
        found.add(node.name)
        if node.op_type not in WEIGHTED:
            waiting += node.input
    return found


def _tensors(inferred: ModelProto, chosen: Iterable[NodeProto]) -> list[str]:
    """Float values that the chosen nodes take or give, without the weights."""
    graph = inferred.graph
    types = {one.name: one.type.tensor_type.elem_type for one in (*graph.value_info, *graph.output)}
    constant = {one.name for one in graph.initializer}
    names = {name for node in chosen for name in (*node.input, *node.output) if name}
    return sorted(
        name for name in names - constant if types.get(name, TensorProto.FLOAT) == TensorProto.FLOAT
    )


def _with_pairs(inferred: ModelProto, chosen: Sequence[NodeProto], found: Ranges) -> ModelProto:
    from onnxruntime.quantization import QuantType  # noqa: PLC0415 - slow, and seldom asked for
    from onnxruntime.quantization.calibrate import (  # noqa: PLC0415 - likewise
        CalibrationMethod,
        TensorsData,
    )
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer  # noqa: PLC0415 - likewise

    maker: Any = QDQQuantizer(
        inferred,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, found),
        nodes_to_quantize=[node.name for node in chosen],
        nodes_to_exclude=[],
        op_types_to_quantize=list(QUANTIZED),
        extra_options={},
    )
    maker.quantize_model()
    maker.model.topological_sort()
    made: ModelProto = maker.model.model
    return made
