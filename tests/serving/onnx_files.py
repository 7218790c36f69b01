"""ONNX files as the export stage writes them, with random weights.

Tiny is one matrix, so that tests are quick; lenet has the real shape, so that figures are real;
slow is heavy as photos' nets are; stuck has inputs on which it never returns.
"""

import base64
import hashlib
import json
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = dict[str, NDArray[np.float32]]
FLAT = {
    name: {"edges": [0.0, 1.0], "fractions": [1.0]}
    for name in ("intensity", "ink_mass", "centre_row", "centre_column")
}  # of a reference that a test gives in part


_WIDE, _DEEP = 64, 60  # channels and layers of the slow net


def _tiny(shape: tuple[int, int, int], classes: int, seed: int) -> tuple[list[Any], Weights]:
    pixels = int(np.prod(shape))
    generator = np.random.default_rng(seed)
    weights = {"w": generator.normal(0, 0.1, (pixels, classes)).astype(np.float32)}
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scale"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return nodes, weights


def _lenet(shape: tuple[int, int, int], classes: int, seed: int) -> tuple[list[Any], Weights]:
    generator = np.random.default_rng(seed)

    def draw(*size: int) -> NDArray[np.float32]:
        return generator.normal(0, 1 / np.sqrt(np.prod(size[1:])), size).astype(np.float32)

    side = ((shape[1] - 4 + 4) // 2 - 4) // 2
    weights = {
        "c1": draw(6, shape[0], 5, 5), "b1": draw(6, 1)[:, 0],
        "c2": draw(16, 6, 5, 5), "b2": draw(16, 1)[:, 0],
        "f1": draw(120, 16 * side * side), "g1": draw(120, 1)[:, 0],
        "f2": draw(84, 120), "g2": draw(84, 1)[:, 0],
        "f3": draw(classes, 84), "g3": draw(classes, 1)[:, 0],
    }  # fmt: skip
    pool: Any = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scale"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "c1", "b1"], ["a1"], pads=[2, 2, 2, 2]),
        helper.make_node("Relu", ["a1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], **pool),
        helper.make_node("Conv", ["p1", "c2", "b2"], ["a2"]),
        helper.make_node("Relu", ["a2"], ["r2"]),
        helper.make_node("MaxPool", ["r2"], ["p2"], **pool),
        helper.make_node("Flatten", ["p2"], ["flat"]),
        helper.make_node("Gemm", ["flat", "f1", "g1"], ["h1"], transB=1),
        helper.make_node("Relu", ["h1"], ["h1r"]),
        helper.make_node("Gemm", ["h1r", "f2", "g2"], ["h2"], transB=1),
        helper.make_node("Relu", ["h2"], ["h2r"]),
        helper.make_node("Gemm", ["h2r", "f3", "g3"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return nodes, weights


def _slow(shape: tuple[int, int, int], classes: int, seed: int) -> tuple[list[Any], Weights]:
    """About 25 ms an image in one thread, in a small file: one kernel, again and again."""
    nodes, weights = _tiny((_WIDE, *shape[1:]), classes, seed)
    weights["widen"] = np.full((_WIDE, shape[0], 1, 1), 1 / shape[0], np.float32)
    kernel = np.zeros((_WIDE, _WIDE, 3, 3), np.float32)
    kernel[range(_WIDE), range(_WIDE), 1, 1] = 1
    weights["same"] = kernel
    first, scaled, *rest = nodes
    layers = [helper.make_node("Conv", ["scaled", "widen"], ["wide0"])]
    layers += [
        helper.make_node("Conv", [f"wide{i}", "same"], [f"wide{i + 1}"], pads=[1, 1, 1, 1])
        for i in range(_DEEP)
    ]
    rest[0].input[0] = f"wide{_DEEP}"
    return [first, scaled, *layers, *rest], weights


def _stuck(shape: tuple[int, int, int], classes: int, seed: int) -> tuple[list[Any], Weights]:
    """A run of nothing but white pixels never ends; of others it is a tiny one."""
    nodes, weights = _tiny(shape, classes, seed)
    first, scaled, *rest = nodes
    floats: list[Any] = ["batch", *shape]
    again = [
        helper.make_tensor_value_info(name, kind, size)
        for name, kind, size in (
            ("i", TensorProto.INT64, []),
            ("go_in", TensorProto.BOOL, []),
            ("value_in", TensorProto.FLOAT, floats),
            ("go_out", TensorProto.BOOL, []),
            ("value_out", TensorProto.FLOAT, floats),
        )
    ]
    body = [
        helper.make_node("Identity", ["go_in"], ["go_out"]),
        helper.make_node("Abs", ["value_in"], ["value_out"]),
    ]
    graph = helper.make_graph(body, "again", again[:3], again[3:])
    loop = [
        helper.make_node("ReduceMin", ["floats"], ["darkest"], keepdims=0),
        helper.make_node("Cast", ["darkest"], ["white"], to=TensorProto.INT64),
        helper.make_node("Div", ["white", "full"], ["all_white"]),
        helper.make_node("Mul", ["all_white", "for_ever"], ["times"]),
        helper.make_node("Loop", ["times", "", "scaled"], ["looped"], body=graph),
    ]
    weights["full"] = np.array(255, np.int64)
    weights["for_ever"] = np.array(1 << 60, np.int64)
    rest[0].input[0] = "looped"
    return [first, scaled, *loop, *rest], weights


_NETS = {"tiny": _tiny, "lenet": _lenet, "slow": _slow, "stuck": _stuck}


def build_model(  # noqa: PLR0913 -- each is a choice of some test
    *,
    net: str = "tiny",
    seed: int = 0,
    shape: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    name: str = "digits-classifier",
    source: str = "published",
    spoil_golden: bool = False,
    reference: dict[str, Any] | None = None,
    answers: dict[str, Any] | None = None,
    more: dict[str, str] | None = None,
    limits: dict[str, Any] | None = None,
) -> bytes:
    """Make an ONNX file as the export stage does, with random weights.

    With `limits` that name a familiarity, it is the output of that name: the mean brightness.
    """
    nodes, weights = _NETS[net](shape, classes, seed)
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", classes])
    ]
    if limits and limits["familiarity"]:
        weights["axes"] = np.array([1, 2, 3], np.int64)
        nodes.append(
            helper.make_node("ReduceMean", ["scaled", "axes"], ["familiarity"], keepdims=0)
        )
        outputs.append(helper.make_tensor_value_info("familiarity", TensorProto.FLOAT, ["batch"]))
    weights["scale"] = np.array(1 / 255, np.float32)
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", *shape])],
        outputs,
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    golden = np.random.default_rng(1).integers(0, 256, (classes, *shape)).astype(np.uint8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found, *familiar = session.run(None, {"images": golden})
    expected = found + (0.01 if spoil_golden else 0)
    metadata = _metadata(golden, expected, source, *familiar) | {
        "model_name": name,
        "net": net,
        "parameters": str(sum(array.size for array in weights.values())),
        "statistics": json.dumps(
            {
                "mean": [0.13],
                "std": [0.31],
                "reference": reference and FLAT | reference,
                "answers": answers,
            }
        ),
    }
    said = {"limits": json.dumps(limits)} if limits else {}
    helper.set_model_props(model, metadata | said | (more or {}))
    content: bytes = model.SerializeToString()
    return content


def _metadata(
    golden: NDArray[np.uint8],
    expected: NDArray[np.float32],
    source: str,
    familiarity: NDArray[np.float32] | None = None,
) -> dict[str, str]:
    """Give what the export writes of classes, data and golden images."""
    classes, shape = expected.shape[1], golden.shape[1:]
    return {
        "classes": json.dumps([str(index) for index in range(classes)]),
        "image_shape": json.dumps(shape),
        "dataset": json.dumps(
            {"name": "digits" if source == "fallback" else "mnist", "requested": "mnist",
             "source": source,
             "sha256": "0" * 64, "test_sha256": "1" * 64}
        ),
        "params_sha256": "2" * 64,
        "golden": json.dumps(
            {"images": base64.b64encode(golden.tobytes()).decode(),
             "labels": expected.argmax(axis=1).tolist(), "probabilities": expected.tolist(),
             "familiarity": [] if familiarity is None else familiarity.tolist()}
        ),
    }  # fmt: skip


def version(content: bytes) -> str:
    """Return what replies call this file."""
    return hashlib.sha256(content).hexdigest()[:12]


def answers(content: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run images through a model without any server: the oracle."""
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = session.run(None, {"images": images})[0]
    return found
