"""POST /feedback: an image and its true label go to a folder where people review them.

One PNG for each pair of image and label, named by its content, under DATASET/LABEL; it carries
the version that answered, so that whoever reviews it needs nothing else.
"""

import asyncio
import base64
import binascii
import hashlib
import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import msgspec
import numpy as np
import orjson
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from serving.dialects import json_numbers
from serving.dialects.json_text import complaint
from serving.errors import BadRequest, NotFound, Unavailable
from serving.lifecycle.inbox import Inbox
from serving.models.lineup import Lineup
from serving.models.model import Facts, Images
from serving.pictures.images import decode_picture
from serving.wire.messages import Reply, Request

_WAITING = 64  # requests that wait for the disk; more are turned away
_VERSION = re.compile(r"[0-9a-f]{12}")
_PICTURE = (b"\x89PNG", b"\xff\xd8\xff")
_WANTED = 'an object {"image": …, "label": "…", "version": "…"} in JSON'


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    image: msgspec.Raw
    label: str
    version: str


@dataclass(frozen=True)
class Note:
    """One image (C, H, W) with what a person says it is, and which version was asked."""

    image: Images
    label: str
    version: str
    dataset: str

    @property
    def path(self) -> Path:
        """Equal images with equal labels have equal names, whatever version answered."""
        digest = hashlib.sha256(f"{self.image.shape} {self.label}\n".encode())
        digest.update(self.image.tobytes())
        return Path(_folder(self.dataset), _folder(self.label), f"{digest.hexdigest()}.png")

    @property
    def content(self) -> bytes:
        planes = self.image[0] if len(self.image) == 1 else self.image.transpose(1, 2, 0)
        about = PngInfo()
        for key in ("label", "version", "dataset"):
            about.add_itxt(key, getattr(self, key))
        with io.BytesIO() as file:
            Image.fromarray(np.ascontiguousarray(planes)).save(file, "PNG", pnginfo=about)
            return file.getvalue()


@dataclass
class Feedback:
    """The handler. Reading pictures and writing files happen in one thread of its own."""

    lineup: Lineup
    inbox: Inbox | None  # None: off
    max_pixels: int
    _writer: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="feedback")
    )
    _waiting: int = 0

    async def __call__(self, request: Request) -> Reply:
        if self.inbox is None:
            raise NotFound("feedback is off: the server takes it when started with --feedback")
        facts = self.lineup.pick().facts
        if self._waiting >= _WAITING:
            raise Unavailable("too much feedback at once: try again later")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            note, is_new = await loop.run_in_executor(
                self._writer, self._store, self.inbox, request, facts
            )
        finally:
            self._waiting -= 1
        return Reply(orjson.dumps({"id": note.path.stem, "label": note.label, "new": is_new}))

    def _store(self, inbox: Inbox, request: Request, facts: Facts) -> tuple[Note, bool]:
        note = read_note(request.body, facts, max_pixels=self.max_pixels)
        return note, inbox.put(note.path, note.content)


def read_note(body: bytes, facts: Facts, *, max_pixels: int) -> Note:
    """Raise BadRequest or TooLarge."""
    try:
        found = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(complaint(error, _WANTED)) from None
    if found.label not in facts.classes:
        raise BadRequest("label must be one of the model's classes: GET /model lists them")
    if not _VERSION.fullmatch(found.version):
        raise BadRequest("version must be the 12 hex digits that the prediction carried")
    image = _image(bytes(found.image), facts, max_pixels=max_pixels)
    return Note(image, found.label, found.version, facts.dataset.name)


def _image(text: bytes, facts: Facts, *, max_pixels: int) -> Images:
    """Numbers as for /predict, or base64 of a PNG, a JPEG or the raw pixels."""
    if not text.lstrip().startswith(b'"'):
        image: Images = json_numbers.read_images(text, facts.image_shape, limit=1)[0]
        return image
    try:
        content = base64.b64decode(msgspec.json.decode(text, type=str), validate=True)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, binascii.Error):
        raise BadRequest("image must be numbers, or base64 of PNG, JPEG or pixels") from None
    if len(content) == facts.pixels and not content.startswith(_PICTURE):
        return np.frombuffer(content, np.uint8).reshape(facts.image_shape)
    return decode_picture(content, shape=facts.image_shape, fit="auto", max_pixels=max_pixels)


def _folder(name: str) -> str:
    """A name that is safe in any file system."""
    return quote(name, safe=" ").replace(".", "%2E")
