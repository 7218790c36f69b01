"""Files of pictures from any door → images, within the limits of one server."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from contract.arrays import Images
from serving.dialects import base64_text
from serving.errors import BadRequest, ServingError
from serving.models.model import Facts
from serving.pictures.decoding import Decoders, Outcome
from serving.pictures.fitting import Fit, Way

File = bytes | ServingError  # what is wrong stands in the place of what cannot be read

_STRINGS = re.compile(rb'[\s\[]{0,64}"')
_INLINE_BYTES = 64 << 10  # of base64 that is read on the event loop


@dataclass(slots=True, frozen=True, kw_only=True)
class PictureFiles:
    """`max_pixels`: of one picture, where it is below the model's own cap; 0: the model's."""

    batch_limit: int
    decoders: Decoders
    max_pixels: int = 0

    def way(self, facts: Facts, fit: Fit = "auto") -> Way:
        """Raise BadRequest for a fit that the model's rules do not know."""
        way = Way(
            rules=facts.rules, shape=facts.image_shape, fit=fit, max_pixels=self.max_pixels or None
        )
        way.check_fit()
        return way

    async def images(self, files: Sequence[File], way: Way) -> Images:
        """(N, C, H, W); raises what Decoders.decode raises, BadRequest for too many or none."""
        self._check_count(len(files))
        return await self.decoders.decode(files, way)

    async def each(self, files: Sequence[File], way: Way) -> list[Outcome]:
        """For each its pixels, or what is wrong with it."""
        self._check_count(len(files))
        return await self.decoders.decode_each(files, way)

    async def of_json(self, text: bytes) -> list[File]:
        """Read a JSON string, or a flat list of them, of base64 or data: URLs."""
        if len(text) <= _INLINE_BYTES:
            return self._of_json(text)
        return await asyncio.to_thread(self._of_json, text)

    def _of_json(self, text: bytes) -> list[File]:
        try:
            strings = msgspec.json.decode(text, type=list[str] | str)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadRequest(
                "pictures must be strings of base64 or data: URLs, one or a flat list of them"
            ) from None
        strings = [strings] if isinstance(strings, str) else strings
        self._check_count(len(strings))
        return [file_of(string) for string in strings]

    def _check_count(self, count: int) -> None:
        if not 1 <= count <= self.batch_limit:
            raise BadRequest(f"{count} pictures given: give 1 to {self.batch_limit}")


def are_strings(text: bytes) -> bool:
    """Whether a JSON value begins with a string, however deep."""
    return _STRINGS.match(text) is not None


def file_of(string: str) -> File:
    """Read base64 or a data: URL; what is wrong with it stands in its place."""
    try:
        return base64_text.of_string(string)
    except ServingError as error:
        return error
