"""What /predict takes → pictures' files or numbers: by signature first, then by Content-Type."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import msgspec
import numpy as np

from contract.arrays import Images
from contract.reading.signatures import format_of
from serving.dialects import base64_text, json_numbers, multipart, npy
from serving.dialects.json_numbers import AT_ONCE_BYTES
from serving.dialects.json_text import complaint
from serving.dialects.off_loop import off_loop
from serving.dialects.picture_files import File, PictureFiles, are_strings
from serving.dialects.pixel_values import raw_images, refuse_scaled
from serving.errors import BadRequest, UnsupportedMediaType
from serving.models.model import Facts
from serving.pictures.decoding import Outcome
from serving.pictures.fitting import Fit
from serving.wire.messages import BINARY, JSON

# The whole document, when it holds numbers only: what follows is compared bracket by bracket.
_ONLY_IMAGES = re.compile(rb'\s*\{\s*"images"\s*:\s*(?=\[\s*[\[\d-])')
_DEFAULT: Fit = "auto"
_NONE, _FORM, _PLAIN = b"", b"application/x-www-form-urlencoded", b"text/plain"
_TEXTS = {_NONE, _FORM, _PLAIN}  # types under which clients send JSON or base64 unasked
_FIELD = re.compile(
    rb"(?:%b)(?:\[\d{0,4}\]|%%5[Bb]\d{0,4}%%5[Dd])?=" % "|".join(multipart.FIELDS).encode()
)
_SEEN = (
    (b"%PDF", "a PDF"),
    (b"%!PS", "PostScript"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip (say so in Content-Encoding)"),
    (b"SIMPLE  =", "FITS"),
    (b"<", "XML, SVG or HTML"),
)


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    images: msgspec.Raw


@dataclass(slots=True, frozen=True, kw_only=True)
class BodyReader:
    """Reads bodies within the limits of one server."""

    files: PictureFiles

    async def read(self, body: bytes, content_type: bytes, facts: Facts, fit: Fit) -> Images:
        """(N, C, H, W); BadRequest, TooLarge or UnsupportedMediaType for anything but images."""
        if len(body) <= AT_ONCE_BYTES:  # without off_loop: many requests are one small image,
            found = self._found(body, content_type, facts)  # and each step shows
        else:
            found = await asyncio.to_thread(self._found, body, content_type, facts)
        if isinstance(found, np.ndarray) and fit == _DEFAULT:
            return found
        way = self.files.way(facts, fit)
        if isinstance(found, bytes):
            found = await self.files.of_json(found)
        return await self.files.images(found, way) if isinstance(found, list) else found

    async def read_each(
        self, body: bytes, content_type: bytes, facts: Facts, fit: Fit
    ) -> Sequence[Outcome]:
        """For each picture its pixels, or what is wrong with it; numbers stand or fall together."""
        way = self.files.way(facts, fit)
        found = await off_loop(self._found, body, content_type, facts)
        if isinstance(found, bytes):
            found = await self.files.of_json(found)
        return await self.files.each(found, way) if isinstance(found, list) else list(found)

    def _found(self, body: bytes, content_type: bytes, facts: Facts) -> list[File] | Images | bytes:
        """Files, numbers, or the JSON text of strings that hold files."""
        kind = content_type.partition(b";")[0].strip().lower()
        if kind == JSON and body[:1] == b"{":
            return self._json(body, facts)
        if format_of(body) is not None:
            return [body]
        if kind == BINARY:
            return self._raw(body, facts)
        if kind == b"multipart/form-data":
            return list(multipart.files(body, content_type, limit=self._limit))
        if _is_json(kind, body):
            return self._json(body, facts)
        return self._other(body, kind, facts)

    def _other(self, body: bytes, kind: bytes, facts: Facts) -> list[File] | Images:
        if kind == b"application/x-npy" or body.startswith(npy.SIGNATURE):
            return self._npy(body, facts)
        if kind in {_FORM, _PLAIN}:
            return _texts(body, kind, facts, limit=self._limit)
        if kind == _NONE:
            return self._raw(body, facts)
        if not body and kind.startswith(b"image/"):
            raise BadRequest("the body is empty: send a picture's whole file")
        raise _neither(body, facts)

    def _raw(self, body: bytes, facts: Facts) -> list[File] | Images:
        """Bytes of whoever says no more than that they are some."""
        if body.startswith(npy.SIGNATURE):
            return self._npy(body, facts)
        if base64_text.is_picture(body):
            return [base64_text.decoded(body)]
        return self._numbers(raw_images(body, facts.image_shape, limit=self._limit), facts)

    def _npy(self, body: bytes, facts: Facts) -> Images:
        return self._numbers(npy.images(body, facts.image_shape, limit=self._limit), facts)

    def _json(self, body: bytes, facts: Facts) -> Images | bytes:
        found = _ONLY_IMAGES.match(body)
        end = body.rstrip()
        if found and end.endswith(b"]}"):
            text = end[found.end() : -1]
        else:
            try:
                text = bytes(msgspec.json.decode(body, type=_Body).images)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise BadRequest(complaint(error, 'an object {"images": …} in JSON')) from None
            if are_strings(text):
                return text
        images = json_numbers.read_images(text, facts.image_shape, limit=self._limit)
        return self._numbers(images, facts)

    def _numbers(self, images: Images, facts: Facts) -> Images:
        refuse_scaled(images, is_bright=facts.is_bright)
        return images

    @property
    def _limit(self) -> int:
        return self.files.batch_limit


def _is_json(kind: bytes, body: bytes) -> bool:
    """By its type; or by its first character, under the types that clients send unasked."""
    if kind in {JSON, b"text/json"} or kind.endswith(b"+json"):
        return True
    return kind in _TEXTS and body[:64].lstrip()[:1] == b"{"


def _texts(body: bytes, kind: bytes, facts: Facts, *, limit: int) -> list[File]:
    """base64 or a data: URL alone, or in the fields of a form; a plus is a plus in base64."""
    parts = [body]
    if kind == _FORM and _FIELD.match(body):
        parts = body.split(b"&", limit)
        if len(parts) > limit or not all(_FIELD.match(part) for part in parts):
            raise BadRequest(
                f"a form may hold the fields {', '.join(multipart.FIELDS)}, {limit} of them at most"
            )
        parts = [part.partition(b"=")[2] for part in parts]
    try:
        return [_text(part, is_form=kind == _FORM) for part in parts]
    except BadRequest:
        raise _neither(body, facts) from None


def _text(text: bytes, *, is_form: bool) -> bytes:
    return base64_text.decoded(unquote_to_bytes(text) if is_form and b"%" in text else text)


def _neither(body: bytes, facts: Facts) -> UnsupportedMediaType:
    start = body[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    known = [name for signature, name in _SEEN if start.startswith(signature)]
    seen = f"it looks like {known[0]}" if known else "it has no signature of a picture"
    return UnsupportedMediaType(
        f"the body is nothing that is read here: {seen}. Send a picture "
        f"({', '.join(facts.rules.formats)}; whatever its Content-Type), or with their "
        "Content-Type multipart/form-data, application/json, application/octet-stream (raw "
        "pixels) or application/x-npy"
    )
