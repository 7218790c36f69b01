"""Output arrays → a V2 reply, JSON or JSON with binary tensors behind it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from serving.dialects.probabilities import greatest
from serving.dialects.v2.reading import Inference, Wanted
from serving.models.model import Facts, Probabilities
from serving.wire.messages import BINARY, JSON, Reply


def reply(inference: Inference, arrays: Mapping[str, NDArray[np.float32]], facts: Facts) -> Reply:
    """Give the wanted outputs in the order in which they were asked for."""
    tails: list[bytes] = []
    outputs = [_output(wanted, arrays[wanted.name], facts, tails) for wanted in inference.outputs]
    head: dict[str, Any] = {"model_name": facts.name, "model_version": facts.version}
    if inference.id is not None:
        head["id"] = inference.id
    head["outputs"] = outputs
    text = orjson.dumps(head, option=orjson.OPT_SERIALIZE_NUMPY)
    if not tails:
        return Reply(text, content_type=JSON)
    length = (b"inference-header-content-length", b"%d" % len(text))
    return Reply(b"".join([text, *tails]), content_type=BINARY, headers=(length,))


def _output(
    wanted: Wanted, array: NDArray[np.float32], facts: Facts, tails: list[bytes]
) -> dict[str, Any]:
    if wanted.classification:
        return _classes(wanted, array, facts, tails)
    output: dict[str, Any] = {"name": wanted.name, "datatype": "FP32", "shape": array.shape}
    if wanted.is_binary:
        tails.append(array.tobytes())
        output["parameters"] = {"binary_data_size": array.nbytes}
    else:
        output["data"] = np.ascontiguousarray(array).reshape(-1)
    return output


def _classes(
    wanted: Wanted, probabilities: Probabilities, facts: Facts, tails: list[bytes]
) -> dict[str, Any]:
    """score:index:label, the greatest first (Triton's classification extension)."""
    order = greatest(probabilities, wanted.classification)
    texts = [
        f"{row[index]}:{index}:{facts.classes[index]}"
        for row, indexes in zip(probabilities, order, strict=True)
        for index in indexes
    ]
    output: dict[str, Any] = {"name": wanted.name, "datatype": "BYTES", "shape": order.shape}
    if wanted.is_binary:
        encoded = [text.encode() for text in texts]
        tail = b"".join([len(text).to_bytes(4, "little") + text for text in encoded])
        tails.append(tail)
        output["parameters"] = {"binary_data_size": len(tail)}
    else:
        output["data"] = texts
    return output
