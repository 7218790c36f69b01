"""The V2 paths: server, models, health, inference, repository."""

# ruff: noqa: ARG002 -- every handler takes the request

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import orjson

from serving.context import Context
from serving.counts.sheet import Sheet
from serving.dialects.json_text import complaint
from serving.dialects.picture_files import PictureFiles
from serving.dialects.pieces import made
from serving.dialects.v2.describing import Describer
from serving.dialects.v2.reading import Inference, read
from serving.dialects.v2.statistics import statistics
from serving.dialects.v2.writing import reply
from serving.errors import BadRequest
from serving.models.activations import Array
from serving.models.lineup import Served
from serving.models.model import Facts
from serving.wire.messages import Reply, Request


class _Index(msgspec.Struct, forbid_unknown_fields=True):
    ready: bool = False  # only those that are: all are


@dataclass(slots=True, frozen=True)
class V2:
    describer: Describer
    files: PictureFiles
    sheet: Sheet

    async def server(self, request: Request) -> Reply:
        return _json(self.describer.server())

    async def models(self, request: Request) -> Reply:
        return _json({"models": sorted({one.facts.name for one in self.describer.lineup})})

    async def model(self, request: Request, *, name: str, version: str | None = None) -> Reply:
        return _json(await self.describer.model(self._pick(name, version)))

    async def model_ready(
        self, request: Request, *, name: str, version: str | None = None
    ) -> Reply:
        return _json({"name": self._pick(name, version).facts.name, "ready": True})

    async def config(self, request: Request, *, name: str, version: str | None = None) -> Reply:
        return _json(self.describer.config(self._pick(name, version)))

    async def stats(
        self, request: Request, *, name: str | None = None, version: str | None = None
    ) -> Reply:
        return _json(statistics(self.sheet, self.asked(name, version)))

    async def index(self, request: Request) -> Reply:
        """The body may be absent: it can only ask for those that are ready."""
        try:
            msgspec.json.decode(request.body or b"{}", type=_Index)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest(complaint(error, 'empty, or {"ready": true} in JSON')) from None
        return _json(self.describer.index())

    async def infer(self, request: Request, *, name: str, version: str | None = None) -> Reply:
        served = self._pick(name, version)
        request.context.version = served.facts.version
        served.batcher.expect(request.context)
        inference = await read(request, served.facts, self.files)
        arrays = await self.arrays(inference, served, request.context)
        return await _written(inference, arrays, served.facts)

    async def arrays(
        self, inference: Inference, served: Served, context: Context
    ) -> dict[str, Array]:
        """Run what was read: each wanted output by its name; raises as Served.answer."""
        layers = inference.layers
        arrays: dict[str, Array] = {}
        if layers:
            arrays = await self.describer.explainers.run(served, inference.images, layers)
        if len(layers) < len(inference.outputs):
            answers = await served.answer(inference.images, context)
            both = zip(inference.own, served.facts.parts(answers), strict=False)
            arrays |= {name: part for name, part in both if part is not None}
        return arrays

    def asked(self, name: str | None, version: str | None) -> list[Served]:
        """Of this name, and of this version where one is given; without a name all."""
        if version is not None:
            return [self._pick(name, version)]
        if name is None:
            return list(self.describer.lineup)
        self._pick(name, None)
        return [one for one in self.describer.lineup if one.facts.name == name]

    def _pick(self, name: str | None, version: str | None) -> Served:
        return self.describer.lineup.pick(name=name, version=version)


async def _written(inference: Inference, arrays: Mapping[str, Array], facts: Facts) -> Reply:
    numbers = sum(array.size for array in arrays.values())
    return await made(lambda: reply(inference, arrays, facts), numbers=numbers)


def _json(value: object) -> Reply:
    return Reply(orjson.dumps(value))
