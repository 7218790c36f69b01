"""Pictures → images: small ones at once, others in a few threads, nobody's for ever."""

import asyncio
import struct
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np

from serving.dialects.json_numbers import Shape
from serving.errors import DeadlineExceeded, Unavailable
from serving.models.model import Images
from serving.pictures.images import decode_picture

Fit = Literal["auto", "digit", "resize"]

_THREADS = 2
_MOST_WAITING = 64  # requests
_PNG_SIZE = struct.Struct(">16x2L")  # signature, chunk length and type; then width, height
_INLINE_PIXELS = 128 * 128  # decoded on the event loop in well under a millisecond
_INLINE_BYTES = 32 << 10


class Decoders:
    """Belongs to the running event loop. `max_pixels` bounds each picture."""

    def __init__(self, *, max_pixels: int, deadline_s: float) -> None:
        self._max_pixels = max_pixels
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pictures")
        self._waiting = 0

    async def decode(self, pictures: Sequence[bytes], shape: Shape, fit: Fit) -> Images:
        """Raise what decode_picture raises, Unavailable or DeadlineExceeded."""
        if len(pictures) == 1 and _is_small(pictures[0]):
            return self._decoded(pictures[0], shape, fit)[np.newaxis]
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many pictures are waiting: try again later")
        last_s = time.monotonic() + self._deadline_s
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._threads, self._decode_all, pictures, shape, fit, last_s
            )
        finally:
            self._waiting -= 1

    def _decode_all(
        self, pictures: Sequence[bytes], shape: Shape, fit: Fit, last_s: float
    ) -> Images:
        images = np.empty((len(pictures), *shape), np.uint8)
        for index, picture in enumerate(pictures):
            if time.monotonic() > last_s:
                raise DeadlineExceeded(f"the pictures took longer than {self._deadline_s:g} s")
            images[index] = self._decoded(picture, shape, fit)
        return images

    def _decoded(self, picture: bytes, shape: Shape, fit: Fit) -> Images:
        return decode_picture(picture, shape=shape, fit=fit, max_pixels=self._max_pixels)


def _is_small(picture: bytes) -> bool:
    """Whether a PNG says of itself that it is quickly decoded."""
    if not picture.startswith(b"\x89PNG") or not _PNG_SIZE.size <= len(picture) <= _INLINE_BYTES:
        return False
    width, height = _PNG_SIZE.unpack_from(picture)
    return bool(width * height <= _INLINE_PIXELS)
