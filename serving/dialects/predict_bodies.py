"""What /predict takes: pictures, JSON, raw bytes or .npy → (N, C, H, W) uint8, by content type."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import msgspec
import numpy as np

from serving.dialects import json_numbers, multipart, npy
from serving.dialects.json_text import complaint
from serving.errors import BadRequest, UnsupportedMediaType
from serving.models.model import Images
from serving.pictures.decoding import Decoders, Fit
from serving.wire.messages import BINARY, JSON

# The whole document, when it holds numbers only: what follows is compared bracket by bracket.
_ONLY_IMAGES = re.compile(rb'\s*\{\s*"images"\s*:\s*(?=\[\s*[\[\d-])')
_STRINGS = re.compile(rb'\s*\[\s*"')
_TAKEN = (
    "image/png, image/jpeg, multipart/form-data, application/json, "
    "application/octet-stream or application/x-npy"
)


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    images: msgspec.Raw


@dataclass(slots=True, frozen=True, kw_only=True)
class BodyReader:
    """Reads bodies within the limits of one server."""

    batch_limit: int
    decoders: Decoders

    async def read(
        self, body: bytes, content_type: bytes, shape: json_numbers.Shape, fit: Fit
    ) -> Images:
        """Raise BadRequest, TooLarge or UnsupportedMediaType for anything but images."""
        kind = content_type.partition(b";")[0].strip().lower()
        if kind == JSON:
            return await self._json(body, shape, fit)
        if kind == BINARY:
            return raw_images(body, shape, limit=self.batch_limit)
        if kind in {b"image/png", b"image/jpeg"}:
            return await self._pictures([body], shape, fit)
        if kind == b"multipart/form-data":
            found = multipart.files(body, content_type, field=b"images", limit=self.batch_limit)
            return await self._pictures(found, shape, fit)
        if kind == b"application/x-npy":
            return npy.images(body, shape, limit=self.batch_limit)
        raise UnsupportedMediaType(f"this path reads {_TAKEN}: say so in Content-Type")

    async def _json(self, body: bytes, shape: json_numbers.Shape, fit: Fit) -> Images:
        found = _ONLY_IMAGES.match(body)
        end = body.rstrip()
        if found and end.endswith(b"]}"):
            return json_numbers.read_images(end[found.end() : -1], shape, limit=self.batch_limit)
        try:
            text = bytes(msgspec.json.decode(body, type=_Body).images)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest(complaint(error, 'an object {"images": …} in JSON')) from None
        if _STRINGS.match(text):
            return await self._pictures(self._base64(text), shape, fit)
        return json_numbers.read_images(text, shape, limit=self.batch_limit)

    def _base64(self, text: bytes) -> list[bytes]:
        try:
            strings = msgspec.json.decode(text, type=list[str])
            return [base64.b64decode(string, validate=True) for string in strings]
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, binascii.Error):
            raise BadRequest("images must be a list of base64 PNG or JPEG strings") from None

    async def _pictures(
        self, pictures: Sequence[bytes], shape: json_numbers.Shape, fit: Fit
    ) -> Images:
        if not 1 <= len(pictures) <= self.batch_limit:
            raise BadRequest(f"{len(pictures)} pictures given: give 1 to {self.batch_limit}")
        return await self.decoders.decode(pictures, shape, fit)


def raw_images(body: bytes, shape: json_numbers.Shape, *, limit: int) -> Images:
    """N·C·H·W bytes; N follows from the length."""
    count, rest = divmod(len(body), prod(shape))
    if rest or not 1 <= count <= limit:
        raise BadRequest(
            f"{len(body)} bytes given: give {prod(shape)} for each of 1 to {limit} images"
        )
    return np.frombuffer(body, np.uint8).reshape(count, *shape)
