"""POST /feedback: an image and its true label go to a folder where people review them.

One PNG for each pair of image and label, named by its content, under DATASET/LABEL; it carries
the version that answered, so that whoever reviews it needs nothing else.
"""

import asyncio
import hashlib
import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import msgspec
import numpy as np
import orjson
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from contract.arrays import Images
from contract.reading.signatures import format_of
from serving.dialects import json_numbers
from serving.dialects.json_text import complaint
from serving.dialects.picture_files import PictureFiles, are_strings
from serving.dialects.pixel_values import refuse_scaled
from serving.errors import BadRequest, NotFound, Unavailable
from serving.models.lineup import Lineup, Served
from serving.models.model import Facts
from serving.watch.inbox import Inbox
from serving.wire.messages import Reply, Request

_WAITING = 64  # requests that wait for the disk; more are turned away
_VERSION = re.compile(r"[0-9a-f]{12}")
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
    familiarity: float | None = None  # by the model that is served; None: it cannot tell
    is_known: bool = False  # what a model that cannot tell is sent takes all the room

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
        if self.familiarity is not None:
            about.add_itxt("familiarity", f"{self.familiarity:.6g}")
            about.add_itxt("known", str(self.is_known).lower())
        with io.BytesIO() as file:
            Image.fromarray(np.ascontiguousarray(planes)).save(file, "PNG", pnginfo=about)
            return file.getvalue()


@dataclass
class Feedback:
    """The handler. Files are written in one thread of its own."""

    lineup: Lineup
    inbox: Inbox | None  # None: off
    files: PictureFiles
    _writer: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="feedback")
    )
    _waiting: int = 0

    async def __call__(self, request: Request) -> Reply:
        if self.inbox is None:
            raise NotFound("feedback is off: the server takes it when started with --feedback")
        served = self.lineup.pick()
        if self._waiting >= _WAITING:
            raise Unavailable("too much feedback at once: try again later")
        self._waiting += 1
        try:
            note = await self._judged(await self._note(request.body, served.facts), served, request)
            loop = asyncio.get_running_loop()
            is_new = await loop.run_in_executor(self._writer, _put, self.inbox, note)
        finally:
            self._waiting -= 1
        return Reply(orjson.dumps({"id": note.path.stem, "label": note.label, "new": is_new}))

    async def _judged(self, note: Note, served: Served, request: Request) -> Note:
        """Ask the model how familiar the image is; raises as a prediction does."""
        facts = served.facts
        if not facts.is_judge:
            return note
        answers = await served.answer(note.image[None], request.context)
        familiarity = float(answers[0, -1])
        is_known = familiarity >= facts.least_familiarity
        return replace(note, familiarity=familiarity, is_known=is_known)

    async def _note(self, body: bytes, facts: Facts) -> Note:
        """Raise BadRequest, and for pictures what they raise."""
        try:
            found = msgspec.json.decode(body, type=_Body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest(complaint(error, _WANTED)) from None
        if found.label not in facts.classes:
            raise BadRequest("label must be one of the model's classes: GET /model lists them")
        if not _VERSION.fullmatch(found.version):
            raise BadRequest("version must be the 12 hex digits that the prediction carried")
        image = await self._image(bytes(found.image), facts)
        return Note(image, found.label, found.version, facts.dataset.name)

    async def _image(self, text: bytes, facts: Facts) -> Images:
        """Numbers as for /predict, or base64 of a picture's file or of the raw pixels."""
        if not are_strings(text):
            numbers: Images = json_numbers.read_images(text, facts.image_shape, limit=1)[0]
            refuse_scaled(numbers, is_bright=facts.is_bright)
            return numbers
        files = await self.files.of_json(text)
        content = files[0]
        if len(files) == 1 and isinstance(content, bytes):
            if len(content) == facts.pixels and format_of(content) is None:
                pixels = np.frombuffer(content, np.uint8).reshape(facts.image_shape)
                refuse_scaled(pixels, is_bright=facts.is_bright)
                return pixels
        elif len(files) > 1:
            raise BadRequest("image must be one picture")
        image: Images = (await self.files.images(files, self.files.way(facts)))[0]
        return image


def _put(inbox: Inbox, note: Note) -> bool:
    return inbox.put(note.path, note.content, is_known=note.is_known)


def _folder(name: str) -> str:
    """A name that is safe in any file system."""
    return quote(name, safe=" ").replace(".", "%2E")
