"""V2 request bytes → images and what the caller wants back.

Specification: Open Inference Protocol, REST; Triton's binary tensor data and classification
extensions.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal

import msgspec
import numpy as np

from serving.dialects import json_numbers
from serving.dialects.json_text import complaint
from serving.dialects.predict_bodies import raw_images
from serving.errors import BadRequest
from serving.models.model import Images, Model
from serving.wire.messages import Request

Scalar = bool | int | float | str | None

_HEADER_LENGTH = b"inference-header-content-length"
_MOST_TENSORS = 256  # inputs and outputs that one request may name
_MOST_DIGITS = 12
_LONGEST_ID = 256
_OFFERED = "inputs: one UINT8 tensor images"


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Scalar] = {}
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Output(msgspec.Struct):
    name: str
    parameters: dict[str, Scalar] = {}


class _Body(msgspec.Struct):
    inputs: list[_Input]
    id: str | None = None
    parameters: dict[str, Scalar] = {}
    outputs: list[_Output] | None = None


_decoder = msgspec.json.Decoder(_Body)


@dataclass(slots=True, frozen=True)
class Wanted:
    """One output: all its numbers, or the `classification` greatest as text."""

    name: str
    is_binary: bool
    classification: int = 0


@dataclass(slots=True, frozen=True)
class Inference:
    images: Images
    outputs: tuple[Wanted, ...]
    id: str | None = None

    @property
    def layers(self) -> list[str]:
        """Outputs beside the probabilities, unchecked: only the sidecar knows them."""
        return [wanted.name for wanted in self.outputs if wanted.name != Model.output_name]


def read(request: Request, shape: json_numbers.Shape, *, limit: int) -> Inference:
    """Read one infer request; raises BadRequest."""
    length = _header_length(request)
    if length == 0:
        images = raw_images(request.body, shape, limit=limit)
        return Inference(images, (Wanted(Model.output_name, is_binary=True),))
    text = request.body if length is None else request.body[:length]
    binary = None if length is None else memoryview(request.body)[length:]
    body = _decoded(text)
    if body.id is not None and len(body.id) > _LONGEST_ID:
        raise BadRequest(f"id is longer than {_LONGEST_ID} characters")
    return Inference(_images(body.inputs, binary, shape, limit), _outputs(body), body.id)


def _header_length(request: Request) -> int | None:
    """Bytes of JSON before the binary data; None: the body is JSON."""
    text = request.headers.get(_HEADER_LENGTH)
    if text is None:
        return None
    if not text.isdigit() or len(text) > _MOST_DIGITS or int(text) > len(request.body):
        raise BadRequest(
            "Inference-Header-Content-Length must be a whole number, at most the body's length"
        )
    return int(text)


def _decoded(text: bytes) -> _Body:
    if text.count(b'"name"') > _MOST_TENSORS:
        raise BadRequest(f"more than {_MOST_TENSORS} inputs and outputs")
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(complaint(error, "an inference request object in JSON")) from None


def _images(
    inputs: list[_Input], binary: memoryview | None, shape: json_numbers.Shape, limit: int
) -> Images:
    if len(inputs) != 1 or inputs[0].name != Model.input_name or inputs[0].datatype != "UINT8":
        raise BadRequest(f"{_OFFERED} of shape [N, {', '.join(map(str, shape))}] are expected")
    tensor = inputs[0]
    if tuple(tensor.shape[1:]) != shape or not 1 <= tensor.shape[0] <= limit:
        raise BadRequest(f"shape must be [N, {', '.join(map(str, shape))}], N from 1 to {limit}")
    full = (tensor.shape[0], *shape)
    size = tensor.parameters.get("binary_data_size")
    if size is not None:
        return _binary_images(tensor, binary, full)
    if binary:
        raise BadRequest("binary data follows the JSON, but no input has binary_data_size")
    if tensor.data is msgspec.UNSET:
        raise BadRequest("the input images has neither data nor binary_data_size")
    return json_numbers.read_tensor(bytes(tensor.data), full)


def _binary_images(
    tensor: _Input, binary: memoryview | None, full: tuple[int, int, int, int]
) -> Images:
    if binary is None:
        raise BadRequest("binary_data_size needs the field Inference-Header-Content-Length")
    if tensor.data is not msgspec.UNSET:
        raise BadRequest("the input images has both data and binary_data_size: give one")
    size = tensor.parameters["binary_data_size"]
    if type(size) is not int or size != prod(full) or size != len(binary):
        raise BadRequest(
            f"binary_data_size and the bytes after the JSON must be {prod(full)}, as shape says"
        )
    return np.frombuffer(binary, np.uint8).reshape(full)


def _outputs(body: _Body) -> tuple[Wanted, ...]:
    by_default = _flag(body.parameters, "binary_data_output", default=False)
    if not body.outputs:
        return (Wanted(Model.output_name, by_default),)
    names = [output.name for output in body.outputs]
    if len(set(names)) != len(names):
        raise BadRequest("outputs must be among those in the model's metadata, each named once")
    return tuple(_wanted(output, is_binary=by_default) for output in body.outputs)


def _wanted(output: _Output, *, is_binary: bool) -> Wanted:
    count = output.parameters.get("classification", 0)
    if type(count) is not int or count < 0 or ("classification" in output.parameters and not count):
        raise BadRequest("classification must be a whole number from 1")
    if count and output.name != Model.output_name:
        raise BadRequest(f"classification is for the output {Model.output_name} only")
    binary = _flag(output.parameters, "binary_data", default=is_binary)
    return Wanted(output.name, binary, count)


def _flag(
    parameters: dict[str, Scalar],
    name: Literal["binary_data", "binary_data_output"],
    *,
    default: bool,
) -> bool:
    given = parameters.get(name, default)
    if not isinstance(given, bool):
        raise BadRequest(f"{name} must be true or false")
    return given
