"""The one input of a V2 request → numbers (any numeric type) or pictures' files (BYTES).

BYTES as Triton packs them: in JSON, strings (base64 here); in binary, each element behind its
length in 4 bytes, little endian. Numbers are little endian, too.
"""

from collections.abc import Coroutine
from math import prod

import msgspec
import numpy as np

from contract.arrays import Images
from contract.reading.signatures import format_of
from serving.dialects import json_numbers
from serving.dialects.off_loop import off_loop
from serving.dialects.picture_files import File, PictureFiles
from serving.dialects.pixel_values import as_pixels, raw_images, refuse_scaled
from serving.dialects.shape_advice import Shape, wrong_shape
from serving.errors import BadRequest
from serving.models.model import Facts, Model

Scalar = bool | int | float | str | None
Content = msgspec.Raw | memoryview  # JSON, or bytes

BYTES = "BYTES"
_LENGTH = 4  # bytes before an element
_TYPES = {
    "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_DTYPES = {name: np.dtype(code) for name, code in _TYPES.items()}
_UINT8 = _DTYPES["UINT8"]


class Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Scalar] = {}
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


async def images(
    inputs: list[Input], binary: memoryview | None, facts: Facts, files: PictureFiles
) -> Images:
    """(N, C, H, W); `binary` is what follows the JSON, None: nothing may. Raises ServingError."""
    tensor = the_input(inputs, facts)
    return await of_content(tensor, _content(tensor, binary), facts, files)


def the_input(inputs: list[Input], facts: Facts) -> Input:
    """Raise BadRequest where it is not the one that the model has, or of no datatype of ours."""
    known = len(inputs) == 1 and inputs[0].name == Model.input_name
    if not known or inputs[0].datatype not in {BYTES, *_DTYPES}:
        shape = ", ".join(map(str, facts.image_shape))
        raise BadRequest(
            f"one input is expected: {Model.input_name}, UINT8 of shape [N, {shape}] (another "
            "numeric datatype is cast), or BYTES of shape [N] with pictures' files"
        )
    return inputs[0]


def of_content(
    tensor: Input, content: Content | list[File], facts: Facts, files: PictureFiles
) -> Coroutine[None, None, Images]:
    """(N, C, H, W) of what the input holds: a list, where BYTES come one by one.

    No coroutine of its own: many requests are one small image, and each step shows.
    """
    if tensor.datatype == BYTES:
        return _pictures(tensor, content, facts, files)
    if isinstance(content, list):
        raise BadRequest("a list of files is for BYTES only")
    return off_loop(_pixels, content, tensor, facts, files.batch_limit)


async def _pictures(
    tensor: Input, content: Content | list[File], facts: Facts, files: PictureFiles
) -> Images:
    return await files.images(await _files(tensor, content, files), files.way(facts))


def _pixels(content: Content, tensor: Input, facts: Facts, limit: int) -> Images:
    found = _numbers(tensor, content, facts.image_shape, limit=limit)
    refuse_scaled(found, is_bright=facts.is_bright)
    return found


def raw_or_picture(body: bytes, facts: Facts, files: PictureFiles) -> Images | list[File]:
    """A body without JSON: numbers where its length is theirs, else one picture."""
    if len(body) % facts.pixels and format_of(body) is not None:
        return [body]
    found = raw_images(body, facts.image_shape, limit=files.batch_limit)
    refuse_scaled(found, is_bright=facts.is_bright)
    return found


def _content(tensor: Input, binary: memoryview | None) -> Content:
    """Give the JSON or the bytes: one of them, of the length that is stated."""
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        if binary:
            raise BadRequest("binary data follows the JSON, but no input has binary_data_size")
        if isinstance(tensor.data, msgspec.UnsetType):
            raise BadRequest("the input images has neither data nor binary_data_size")
        return tensor.data
    if binary is None:
        raise BadRequest("binary_data_size needs the field Inference-Header-Content-Length")
    if tensor.data is not msgspec.UNSET:
        raise BadRequest("the input images has both data and binary_data_size: give one")
    if type(size) is not int or size != len(binary):
        raise BadRequest(f"binary_data_size must be {len(binary)}: so many bytes follow the JSON")
    return binary


def full_shape(tensor: Input, shape: Shape, *, limit: int) -> tuple[int, int, int, int]:
    """(N, C, H, W) as the tensor states it, of images of `shape`; raises BadRequest."""
    count = tensor.shape[0] if tensor.shape else 0
    if tuple(tensor.shape[1:]) != shape:
        raise wrong_shape(tuple(tensor.shape), shape)
    if not 1 <= count <= limit:
        raise BadRequest(f"shape must be [N, {', '.join(map(str, shape))}], N from 1 to {limit}")
    return count, *shape


def _numbers(tensor: Input, content: Content, shape: Shape, *, limit: int) -> Images:
    full = full_shape(tensor, shape, limit=limit)
    if not isinstance(content, memoryview):
        return json_numbers.read_tensor(bytes(content), full)
    dtype = _DTYPES[tensor.datatype]
    if len(content) != prod(full) * dtype.itemsize:
        raise BadRequest(
            f"the input's binary data must be {prod(full) * dtype.itemsize} bytes, as shape and "
            "datatype say"
        )
    numbers = np.frombuffer(content, dtype).reshape(full)
    return numbers if dtype == _UINT8 else as_pixels(numbers, pixels=prod(shape))


async def _files(tensor: Input, content: Content | list[File], files: PictureFiles) -> list[File]:
    count = tensor.shape[0] if tensor.shape else 0
    if tensor.shape[1:] not in ([], [1]) or not 1 <= count <= files.batch_limit:
        raise BadRequest(
            f"the shape of BYTES must be [N] or [N, 1], N from 1 to {files.batch_limit}"
        )
    if isinstance(content, list):
        found = content
    elif isinstance(content, memoryview):
        found = list(_elements(content, count))
    else:
        found = await files.of_json(_flat(bytes(content)))
    if len(found) != count:
        raise BadRequest(f"{len(found)} elements given: the shape of BYTES says {count}")
    return found


def _elements(content: memoryview, count: int) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(content) and len(found) <= count:
        start = at + _LENGTH
        at = start + int.from_bytes(content[at:start], "little")
        if at > len(content) or start > len(content):
            raise BadRequest("an element of BYTES is cut short: 4 bytes of length stand before it")
        found.append(bytes(content[start:at]))
    return found


def _flat(text: bytes) -> bytes:
    """Take away the inner brackets of [N, 1]."""
    try:
        rows = msgspec.json.decode(text, type=list[tuple[msgspec.Raw]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return text
    return b"[%b]" % b",".join([bytes(row[0]) for row in rows])
