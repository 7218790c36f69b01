"""V2 request bytes → images and what the caller wants back.

Specification: Open Inference Protocol, REST; Triton's binary tensor data and classification
extensions.
"""

import math
from dataclasses import dataclass
from typing import Literal

import msgspec

from contract.arrays import Images
from serving.context import Context
from serving.dialects.json_text import complaint
from serving.dialects.picture_files import PictureFiles
from serving.dialects.v2 import tensors
from serving.dialects.v2.tensors import Input, Scalar, raw_or_picture
from serving.errors import BadRequest
from serving.models.model import Facts, Model
from serving.wire.messages import Request

_HEADER_LENGTH = b"inference-header-content-length"
_MOST_TENSORS = 256  # inputs and outputs that one request may name
_MOST_DIGITS = 12
_LONGEST_ID = 256


class Output(msgspec.Struct):
    name: str
    parameters: dict[str, Scalar] = {}


class Body(msgspec.Struct):
    inputs: list[Input]
    id: str | None = None
    parameters: dict[str, Scalar] = {}
    outputs: list[Output] | None = None


_decoder = msgspec.json.Decoder(Body)


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
    own: tuple[str, ...]  # outputs of the model's file
    id: str | None = None

    @property
    def layers(self) -> list[str]:
        """Outputs that are not the model's own, unchecked: only the sidecar knows them."""
        return [wanted.name for wanted in self.outputs if wanted.name not in self.own]


async def read(request: Request, facts: Facts, files: PictureFiles) -> Inference:
    """Read one infer request; raises BadRequest, and for pictures what they raise."""
    length = _header_length(request)
    if length == 0:
        found = raw_or_picture(request.body, facts, files)
        images = await files.images(found, files.way(facts)) if isinstance(found, list) else found
        return Inference(images, (Wanted(Model.output_name, is_binary=True),), facts.outputs)
    text = request.body if length is None else request.body[:length]
    binary = None if length is None else memoryview(request.body)[length:]
    body = _decoded(text)
    outputs = outputs_of(body, request.context)
    images = await tensors.images(body.inputs, binary, facts, files)
    return Inference(images, outputs, facts.outputs, body.id)


def outputs_of(body: Body, context: Context) -> tuple[Wanted, ...]:
    """Check all but the inputs, and take note of how long the caller waits; raises BadRequest."""
    if body.id is not None and len(body.id) > _LONGEST_ID:
        raise BadRequest(f"id is longer than {_LONGEST_ID} characters")
    outputs = _outputs(body)
    context.limit_s = min(context.limit_s, _timeout_s(body.parameters))
    return outputs


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


def check_count(tensors: int) -> None:
    """Raise BadRequest for more inputs and outputs than anyone has use for."""
    if tensors > _MOST_TENSORS:
        raise BadRequest(f"more than {_MOST_TENSORS} inputs and outputs")


def _decoded(text: bytes) -> Body:
    check_count(text.count(b'"name"'))
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(complaint(error, "an inference request object in JSON")) from None


def _timeout_s(parameters: dict[str, Scalar]) -> float:
    """Triton's parameter: microseconds until the caller needs the answer; 0: it does not say."""
    given = parameters.get("timeout", 0)
    if type(given) is not int or given < 0:
        raise BadRequest("timeout must be a whole number of microseconds from 0")
    return given / 1e6 if given else math.inf


def _outputs(body: Body) -> tuple[Wanted, ...]:
    by_default = _flag(body.parameters, "binary_data_output", default=False)
    if not body.outputs:
        return (Wanted(Model.output_name, by_default),)
    names = [output.name for output in body.outputs]
    if len(set(names)) != len(names):
        raise BadRequest("outputs must be among those in the model's metadata, each named once")
    return tuple(_wanted(output, is_binary=by_default) for output in body.outputs)


def _wanted(output: Output, *, is_binary: bool) -> Wanted:
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
