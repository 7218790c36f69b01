"""ModelInferRequest → images and what the caller wants back; arrays → ModelInferResponse."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import msgspec
import numpy as np
from google.protobuf.message import Message

from contract.arrays import Images
from serving.context import Context
from serving.dialects.picture_files import File, PictureFiles
from serving.dialects.pieces import AT_ONCE
from serving.dialects.v2 import tensors, writing
from serving.dialects.v2.reading import Body, Inference, Output, check_count, outputs_of
from serving.dialects.v2.tensors import BYTES, Input, Scalar
from serving.errors import BadRequest
from serving.grpc.messages import message
from serving.models.activations import Array
from serving.models.model import Facts

_CONTENTS = {
    "BOOL": ("bool_contents", "u1", "UINT8"),
    **dict.fromkeys(("INT8", "INT16", "INT32"), ("int_contents", "<i4", "INT32")),
    "INT64": ("int64_contents", "<i8", "INT64"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), ("uint_contents", "<u4", "UINT32")),
    "UINT64": ("uint64_contents", "<u8", "UINT64"),
    "FP32": ("fp32_contents", "<f4", "FP32"),
    "FP64": ("fp64_contents", "<f8", "FP64"),
}  # by datatype: the field that holds its numbers, as what they come, and the datatype of that


async def read(request: Message, context: Context, facts: Facts, files: PictureFiles) -> Inference:
    """Read one request; raises BadRequest, and for pictures what they raise."""
    check_count(len(request.inputs) + len(request.outputs))
    body = Body(
        inputs=[Input(one.name, _shape(one), one.datatype) for one in request.inputs],
        id=request.id,
        parameters=_parameters(request.parameters),
        outputs=[Output(one.name, _parameters(one.parameters)) for one in request.outputs],
    )
    outputs = tuple(replace(wanted, is_binary=True) for wanted in outputs_of(body, context))
    tensor = tensors.the_input(body.inputs, facts)
    images = await _images(request, tensor, facts, files)
    return Inference(images, outputs, facts.outputs, request.id)


def written(inference: Inference, arrays: Mapping[str, Array], facts: Facts) -> Message:
    """Give the wanted outputs in the order in which they were asked for, all of them raw."""
    tails: list[bytes | memoryview] = []
    response = message("inference.ModelInferResponse")(
        model_name=facts.name, model_version=facts.version, id=inference.id
    )
    for wanted in inference.outputs:
        fields = writing.output(wanted, arrays[wanted.name], facts, tails)
        response.outputs.add(
            name=wanted.name, datatype=fields["datatype"], shape=map(int, fields["shape"])
        )
    response.raw_output_contents.extend(bytes(tail) for tail in tails)
    return response


def _shape(tensor: Any) -> list[int]:  # noqa: ANN401 -- a message
    return list(tensor.shape)


def _parameters(given: Any) -> dict[str, Scalar]:  # noqa: ANN401 -- a message's map
    """None: a parameter that is named and has no value."""
    chosen = {name: one.WhichOneof("parameter_choice") for name, one in given.items()}
    return {name: getattr(given[name], kind) if kind else None for name, kind in chosen.items()}


async def _images(request: Message, tensor: Input, facts: Facts, files: PictureFiles) -> Images:
    """The raw bytes, or else the contents of the tensor itself."""
    raw, given = request.raw_input_contents, request.inputs[0]
    has_contents = given.HasField("contents") and bool(given.contents.ListFields())
    if len(raw) > 1 or (raw and has_contents):
        raise BadRequest("the input images needs its contents or one of raw_input_contents")
    if raw:
        return await tensors.of_content(tensor, memoryview(raw[0]), facts, files)
    if tensor.datatype == BYTES:
        found: list[File] = list(given.contents.bytes_contents)
        return await tensors.of_content(tensor, found, facts, files)
    if tensor.datatype not in _CONTENTS:
        raise BadRequest(f"{tensor.datatype} has no contents: give it in raw_input_contents")
    field, dtype, datatype = _CONTENTS[tensor.datatype]
    numbers = getattr(given.contents, field)
    total = prod(tensors.full_shape(tensor, facts.image_shape, limit=files.batch_limit))
    if len(numbers) != total:
        raise BadRequest(f"{field} must hold {total} numbers, as the shape says")
    array = await _array(numbers, np.dtype(dtype))
    plain = msgspec.structs.replace(tensor, datatype=datatype)
    return await tensors.of_content(plain, array.data.cast("B"), facts, files)


async def _array(numbers: Any, dtype: np.dtype[Any]) -> np.ndarray:  # noqa: ANN401 -- a message's list
    """Copy a list of numbers out of its message: a long one in a thread, in pieces."""
    if len(numbers) <= AT_ONCE:
        return np.fromiter(numbers, dtype, len(numbers))
    return await asyncio.to_thread(_in_pieces, numbers, dtype)


def _in_pieces(numbers: Any, dtype: np.dtype[Any]) -> np.ndarray:  # noqa: ANN401 -- likewise
    array = np.empty(len(numbers), dtype)
    for start in range(0, len(numbers), AT_ONCE):
        array[start : start + AT_ONCE] = numbers[start : start + AT_ONCE]
    return array
