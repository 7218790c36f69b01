"""A V1 body → images: a list of nested pixels, or of pictures as {"b64": …}.

Specification: KServe's V1 data plane; TensorFlow Serving's REST API, "row" format, where an
instance may name its input (`images`) and binary values are base64 in the key `b64`.
"""

import re
from typing import Literal

import msgspec

from contract.arrays import Images
from serving.dialects import json_numbers
from serving.dialects.json_text import complaint
from serving.dialects.off_loop import off_loop
from serving.dialects.picture_files import File, PictureFiles, are_strings, file_of
from serving.dialects.pixel_values import refuse_scaled
from serving.errors import BadRequest
from serving.models.model import Facts

_WANTED = 'an object {"instances": […]} in JSON'
_FORMS = (
    'instances must be pixels, or pictures {"b64": "…"}, each of which may stand in {"images": …}; '
    "all of one kind"
)
_OBJECTS = re.compile(rb"\s*\[\s*\{")
_BRACES = 2  # of an instance that names its input


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    instances: msgspec.Raw
    signature_name: Literal["serving_default", ""] | None = None  # TensorFlow's clients say it


class _Picture(msgspec.Struct, forbid_unknown_fields=True):
    b64: str


class _Instance(msgspec.Struct, forbid_unknown_fields=True):
    b64: str | msgspec.UnsetType = msgspec.UNSET
    images: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


async def images(body: bytes, facts: Facts, files: PictureFiles) -> Images:
    """(N, C, H, W); raises BadRequest, and for pictures what they raise."""
    limit = files.batch_limit
    text = await off_loop(_instances, body)
    if are_strings(text):
        found: list[File] | bytes = await files.of_json(text)
    elif _OBJECTS.match(text):
        found = await off_loop(_objects, text, limit)
    else:
        found = text
    if isinstance(found, list):
        return await files.images(found, files.way(facts))
    return await off_loop(_pixels, found, facts, limit)


def _instances(body: bytes) -> bytes:
    try:
        text = bytes(msgspec.json.decode(body, type=_Body).instances).strip()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(complaint(error, _WANTED)) from None
    if not text.startswith(b"["):
        raise BadRequest(f"the body must be {_WANTED}: instances is a list")
    return text


def _objects(text: bytes, limit: int) -> list[File] | bytes:
    """Give the files of pictures, or the JSON text of a list of nested pixels."""
    if text.count(b"{") > _BRACES * limit:
        raise BadRequest(f"more than {limit} instances: give 1 to {limit}")
    try:
        instances = msgspec.json.decode(text, type=list[_Instance])
        values = [_value(instance) for instance in instances]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"{complaint(error, _WANTED)}: {_FORMS}") from None
    strings = [value for value in values if isinstance(value, str)]
    if len(strings) == len(values):
        return [file_of(string) for string in strings]
    if strings:
        raise BadRequest(_FORMS)
    return b"[%b]" % b",".join([value for value in values if isinstance(value, bytes)])


def _value(instance: _Instance) -> str | bytes:
    """base64 of a picture, or the text of pixels; raises BadRequest, msgspec.DecodeError."""
    if isinstance(instance.b64, str) is isinstance(instance.images, msgspec.Raw):
        raise BadRequest(_FORMS)
    if isinstance(instance.b64, str):
        return instance.b64
    text = bytes(instance.images) if isinstance(instance.images, msgspec.Raw) else b""
    first = text.lstrip()[:1]
    if first == b"{":
        return msgspec.json.decode(text, type=_Picture).b64
    return msgspec.json.decode(text, type=str) if first == b'"' else text


def _pixels(text: bytes, facts: Facts, limit: int) -> Images:
    found = json_numbers.read_list(text, facts.image_shape, limit=limit)
    refuse_scaled(found, is_bright=facts.is_bright)
    return found
