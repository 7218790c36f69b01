"""The V1 paths: models, readiness, prediction."""

# ruff: noqa: ARG002 -- every handler takes the request

from dataclasses import dataclass

import orjson

from contract.arrays import Probabilities
from serving.dialects.picture_files import PictureFiles
from serving.dialects.pieces import json_items, made
from serving.dialects.v1 import instances
from serving.models.lineup import Lineup
from serving.wire.messages import Reply, Request


@dataclass(slots=True, frozen=True)
class V1:
    lineup: Lineup
    files: PictureFiles

    async def models(self, request: Request) -> Reply:
        names = sorted({served.facts.name for served in self.lineup})
        return Reply(orjson.dumps({"models": names}))

    async def model(self, request: Request, *, name: str) -> Reply:
        served = self.lineup.pick(name=name)
        return Reply(orjson.dumps({"name": served.facts.name, "ready": True}))

    async def predict(self, request: Request, *, name: str) -> Reply:
        """Give for each instance its probabilities, in the order of the classes."""
        served = self.lineup.pick(name=name)
        facts, context = served.facts, request.context
        context.version = facts.version
        served.batcher.expect(context)
        images = await instances.images(request.body, facts, self.files)
        probabilities, _ = facts.parts(await served.answer(images, context))
        body = await made(lambda: _written(probabilities), numbers=probabilities.size)
        return Reply(body, headers=((b"x-model-version", facts.version.encode()),))


def _written(probabilities: Probabilities) -> bytearray:
    body = bytearray(b'{"predictions":[')
    for piece in json_items(probabilities):
        body += piece
    body += b"]}"
    return body
