"""Output arrays → a V2 reply, JSON or JSON with binary tensors behind it."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from contract.arrays import Probabilities
from serving.dialects.pieces import AT_ONCE, append, json_items
from serving.dialects.probabilities import greatest
from serving.dialects.v2.reading import Inference, Wanted
from serving.models.model import Facts
from serving.wire.messages import BINARY, JSON, Reply


def reply(inference: Inference, arrays: Mapping[str, NDArray[np.float32]], facts: Facts) -> Reply:
    """Give the wanted outputs in the order in which they were asked for."""
    tails: list[bytes | memoryview] = []
    outputs = [output(wanted, arrays[wanted.name], facts, tails) for wanted in inference.outputs]
    head: dict[str, Any] = {"model_name": facts.name, "model_version": facts.version}
    if inference.id is not None:
        head["id"] = inference.id
    numbers = sum(arrays[wanted.name].size for wanted in inference.outputs)
    text = _text(head, outputs) if numbers <= AT_ONCE else _long_text(head, outputs)
    if not tails:
        return Reply(text, content_type=JSON)
    length = (b"inference-header-content-length", b"%d" % len(text))
    body = bytearray(text)
    for tail in tails:
        append(body, tail)
    return Reply(body, content_type=BINARY, headers=(length,))


def _text(head: dict[str, Any], outputs: list[dict[str, Any]]) -> bytes:
    head["outputs"] = outputs
    return orjson.dumps(head, option=orjson.OPT_SERIALIZE_NUMPY)


def _long_text(head: dict[str, Any], outputs: list[dict[str, Any]]) -> bytearray:
    """Write the same in pieces; data is an output's last field."""
    text = bytearray(orjson.dumps(head)[:-1] + b',"outputs":[')
    for index, output in enumerate(outputs):
        data = output.pop("data", None)
        text += (b"," if index else b"") + orjson.dumps(output)[: None if data is None else -1]
        if data is not None:
            text += b',"data":['
            for piece in json_items(data) if isinstance(data, np.ndarray) else _strings(data):
                text += piece
            text += b"]}"
    text += b"]}"
    return text


def _strings(data: list[str]) -> Iterator[bytes]:
    yield orjson.dumps(data)[1:-1]


def output(
    wanted: Wanted, array: NDArray[np.float32], facts: Facts, tails: list[bytes | memoryview]
) -> dict[str, Any]:
    """Give an output's fields; binary data goes to the end of `tails`."""
    if wanted.classification:
        return _classes(wanted, array, facts, tails)
    fields: dict[str, Any] = {"name": wanted.name, "datatype": "FP32", "shape": array.shape}
    if wanted.is_binary:
        tails.append(np.ascontiguousarray(array).data.cast("B"))
        fields["parameters"] = {"binary_data_size": array.nbytes}
    else:
        fields["data"] = np.ascontiguousarray(array).reshape(-1)
    return fields


def _classes(
    wanted: Wanted, probabilities: Probabilities, facts: Facts, tails: list[bytes | memoryview]
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
