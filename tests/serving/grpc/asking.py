"""Calls written by hand: bytes out, bytes back."""

from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2

MODEL = "digits-classifier"
INFER = "/inference.GRPCInferenceService/ModelInfer"
Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


def call(channel: grpc.Channel, content: bytes, path: str = INFER, **options: Any) -> bytes:  # noqa: ANN401 -- grpc's
    answer: bytes = channel.unary_unary(path)(
        content, timeout=options.pop("timeout", 20), **options
    )
    return answer


def refusal(channel: grpc.Channel, content: bytes, path: str = INFER, **options: Any) -> Any:  # noqa: ANN401 -- grpc's
    with pytest.raises(grpc.RpcError) as refused:
        call(channel, content, path, **options)
    return refused.value


def asked(images: Images, datatype: str = "UINT8", **contents: object) -> Any:  # noqa: ANN401 -- a message
    """Write a request with typed contents; without any, raw."""
    request = service_pb2.ModelInferRequest(model_name=MODEL, id="r")
    tensor = request.inputs.add(name="images", datatype=datatype, shape=images.shape)
    for field, numbers in contents.items():
        getattr(tensor.contents, field).extend(numbers)
    if not contents:
        request.raw_input_contents.append(images.tobytes())
    return request


def probabilities(answer: bytes) -> Probabilities:
    response = service_pb2.ModelInferResponse.FromString(answer)
    (output,) = response.outputs
    return np.frombuffer(response.raw_output_contents[0], np.float32).reshape(output.shape)


def changed(**fields: Any) -> bytes:  # noqa: ANN401 -- of a message
    request = asked(np.zeros((1, 1, 28, 28), np.uint8))
    for name, value in fields.items():
        part: Any = request.inputs[0] if name in {"shape", "datatype", "contents"} else request
        part.ClearField(name)
        if isinstance(value, list):
            getattr(part, name).extend(value)
        elif isinstance(value, (str, int)):
            setattr(part, name, value)
        else:
            getattr(part, name).CopyFrom(value)
    content: bytes = request.SerializeToString()
    return content
