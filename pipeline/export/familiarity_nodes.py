"""The head of `pipeline.export.familiarity` as a few nodes at the end of a model's graph.

onnxruntime runs every node whatever is fetched, so there are few: the score's first term and the
map's knots are one matrix, the greatest logit comes in as that product's bias.
"""

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from pipeline.export.familiarity import Head
from pipeline.export.onnx_run import FAMILIARITY

LOGITS, FEATURES = "logits", "features"  # outputs of the graph that the head is added to


def add(model: ModelProto, head: Head) -> None:
    """Give `familiarity` (batch,) beside the probabilities, and neither logits nor features."""
    lifted = np.outer(head.score, np.ones(len(head.knots)))
    lifted[-1] -= head.knots  # the last unit is always 1
    numbers = {
        "hidden": head.hidden,
        "bias": head.bias,
        "lifted": lifted,
        "rises": head.rises,
        "cap": np.array(head.cap),
    }
    for name, values in numbers.items():
        tensor = numpy_helper.from_array(values.astype(np.float32), f"{FAMILIARITY}.{name}")
        model.graph.initializer.append(tensor)

    def own(*names: str) -> list[str]:
        return [f"{FAMILIARITY}.{name}" for name in names]

    make = helper.make_node
    model.graph.initializer.append(
        numpy_helper.from_array(np.array([1], np.int64), f"{FAMILIARITY}.axes")
    )
    model.graph.node.extend(
        [
            make("Gemm", [FEATURES, *own("hidden", "bias")], own("sums"), transB=1),
            make("Relu", own("sums"), own("units")),
            make("ReduceMax", [LOGITS, *own("axes")], own("greatest"), keepdims=1),
            make("Min", own("greatest", "cap"), own("capped")),
            make("Gemm", own("units", "lifted", "capped"), own("over")),
            make("HardSigmoid", own("over"), own("ways"), alpha=1 / head.step, beta=0.0),
            make("MatMul", own("ways", "rises"), [FAMILIARITY]),
        ]
    )
    drop_outputs(model)
    model.graph.output.append(
        helper.make_tensor_value_info(FAMILIARITY, TensorProto.FLOAT, [batch_of(model)])
    )


def drop_outputs(model: ModelProto) -> None:
    """Take back logits and features as outputs; the values stay."""
    kept = [one for one in model.graph.output if one.name not in {LOGITS, FEATURES}]
    del model.graph.output[:]
    model.graph.output.extend(kept)


def batch_of(model: ModelProto) -> str:
    """The name of the first axis."""
    name: str = model.graph.output[0].type.tensor_type.shape.dim[0].dim_param
    return name
