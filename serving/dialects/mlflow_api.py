"""MLflow's scoring protocol: POST /invocations."""

from dataclasses import dataclass

import msgspec
import numpy as np

from contract.arrays import Images, Probabilities
from serving.dialects import json_numbers
from serving.dialects.json_text import complaint
from serving.dialects.off_loop import off_loop
from serving.dialects.picture_files import PictureFiles, are_strings
from serving.dialects.pieces import json_items, made
from serving.dialects.pixel_values import refuse_scaled
from serving.errors import BadRequest
from serving.models.lineup import Lineup
from serving.models.model import Facts
from serving.wire.messages import Reply, Request

_COLUMN = "images"
_FORMS = "exactly one of inputs, instances, dataframe_split and dataframe_records"
_ONE_COLUMN = "a data frame must have the one column images, one image in each cell"


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    columns: list[str]
    data: list[list[msgspec.Raw]]
    index: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    images: msgspec.Raw


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    dataframe_split: _Split | msgspec.UnsetType = msgspec.UNSET
    dataframe_records: list[_Record] | msgspec.UnsetType = msgspec.UNSET
    params: dict[str, msgspec.Raw] | None = None  # MLflow's clients may send it; none is known


@dataclass(slots=True, frozen=True)
class Invocations:
    lineup: Lineup
    files: PictureFiles

    async def __call__(self, request: Request) -> Reply:
        served = self.lineup.pick()
        request.context.version = served.facts.version
        served.batcher.expect(request.context)
        images = await self._images(_decoded(request.body), served.facts)
        answers = await served.answer(images, request.context)
        probabilities, _ = served.facts.parts(answers)
        body = await made(lambda: _written(probabilities), numbers=probabilities.size)
        return Reply(body, headers=((b"x-model-version", served.facts.version.encode()),))

    async def _images(self, body: _Body, facts: Facts) -> Images:
        if isinstance(body.dataframe_split, _Split):
            return await self._cells(_split_cells(body.dataframe_split), facts)
        if isinstance(body.dataframe_records, list):
            return await self._cells([record.images for record in body.dataframe_records], facts)
        tensor = body.inputs if isinstance(body.inputs, msgspec.Raw) else body.instances
        text = bytes(tensor) if isinstance(tensor, msgspec.Raw) else b""
        if text.lstrip()[:1] == b"{":
            text = _named(text)
        if are_strings(text):
            return await self._pictures(text, facts)
        return await off_loop(_pixels, text, facts, self.files.batch_limit)

    async def _cells(self, cells: list[msgspec.Raw], facts: Facts) -> Images:
        limit = self.files.batch_limit
        if not 1 <= len(cells) <= limit:
            raise BadRequest(f"{len(cells)} rows given: give 1 to {limit}")
        texts = [bytes(cell) for cell in cells]
        if are_strings(texts[0]):
            return await self._pictures(b"[%b]" % b",".join(texts), facts)
        images = np.stack([json_numbers.read_cell(text, facts.image_shape) for text in texts])
        refuse_scaled(images, is_bright=facts.is_bright)
        return images

    async def _pictures(self, text: bytes, facts: Facts) -> Images:
        return await self.files.images(await self.files.of_json(text), self.files.way(facts))


def _written(probabilities: Probabilities) -> bytearray:
    body = bytearray(b'{"predictions":{"probabilities":[')
    for piece in json_items(probabilities):
        body += piece
    body += b"]}}"
    return body


def _pixels(text: bytes, facts: Facts, limit: int) -> Images:
    images = json_numbers.read_images(text, facts.image_shape, limit=limit)
    refuse_scaled(images, is_bright=facts.is_bright)
    return images


def _decoded(text: bytes) -> _Body:
    try:
        body = msgspec.json.decode(text, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(complaint(error, f"a JSON object with {_FORMS}")) from None
    forms = (body.inputs, body.instances, body.dataframe_split, body.dataframe_records)
    if sum(form is not msgspec.UNSET for form in forms) != 1:
        raise BadRequest(f"the body must have {_FORMS}")
    if body.params:
        raise BadRequest("params must be empty: this model takes none")
    return body


def _split_cells(split: _Split) -> list[msgspec.Raw]:
    if split.columns != [_COLUMN] or any(len(row) != 1 for row in split.data):
        raise BadRequest(_ONE_COLUMN)
    return [row[0] for row in split.data]


def _named(text: bytes) -> bytes:
    """Unwrap {"images": …}, as a model with named inputs is asked."""
    try:
        return bytes(msgspec.json.decode(text, type=_Record).images)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(complaint(error, 'images, or {"images": …}, in inputs')) from None
