"""MLflow's scoring protocol: POST /invocations."""

from dataclasses import dataclass

import msgspec
import numpy as np
import orjson

from serving.dialects import json_numbers
from serving.dialects.json_text import complaint
from serving.errors import BadRequest, UnsupportedMediaType
from serving.models.lineup import Lineup
from serving.models.model import Images
from serving.wire.messages import JSON, Reply, Request

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
    batch_limit: int

    async def __call__(self, request: Request) -> Reply:
        kind = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != JSON:
            raise UnsupportedMediaType("this path reads application/json: say so in Content-Type")
        served = self.lineup.pick()
        images = self._images(_decoded(request.body), served.facts.image_shape)
        probabilities = await served.batcher.submit(images)
        return Reply(
            orjson.dumps(
                {"predictions": {"probabilities": probabilities}},
                option=orjson.OPT_SERIALIZE_NUMPY,
            ),
            headers=((b"x-model-version", served.facts.version.encode()),),
        )

    def _images(self, body: _Body, shape: json_numbers.Shape) -> Images:
        if isinstance(body.dataframe_split, _Split):
            return self._cells(_split_cells(body.dataframe_split), shape)
        if isinstance(body.dataframe_records, list):
            return self._cells([record.images for record in body.dataframe_records], shape)
        tensor = body.inputs if isinstance(body.inputs, msgspec.Raw) else body.instances
        text = bytes(tensor) if isinstance(tensor, msgspec.Raw) else b""
        if text.lstrip()[:1] == b"{":
            text = _named(text)
        return json_numbers.read_images(text, shape, limit=self.batch_limit)

    def _cells(self, cells: list[msgspec.Raw], shape: json_numbers.Shape) -> Images:
        if not 1 <= len(cells) <= self.batch_limit:
            raise BadRequest(f"{len(cells)} rows given: give 1 to {self.batch_limit}")
        return np.stack([json_numbers.read_cell(bytes(cell), shape) for cell in cells])


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
