"""What the page asks beside predictions: who is served, samples, layers; and how a picture fits."""

import base64
from dataclasses import dataclass
from typing import Any

import orjson

from serving.dialects.predict import read_options
from serving.dialects.predict_bodies import BodyReader
from serving.errors import BadRequest, ModelRefused
from serving.models.explain import Explainers
from serving.models.lineup import Lineup, Served
from serving.models.model import Facts
from serving.wire.messages import BINARY, Reply, Request

_SAMPLE_BYTES = 1 << 20  # of golden images that the page carries


@dataclass(slots=True, frozen=True, kw_only=True)
class About:
    """`feedback`: POST /feedback is open, so the page offers it; `body_limit`: bytes of a body."""

    lineup: Lineup
    explainers: Explainers
    feedback: bool
    body_limit: int

    async def __call__(self, request: Request) -> Reply:  # noqa: ARG002 -- every handler takes it
        self.lineup.pick()  # Unavailable, where nothing is loaded
        about = {
            "feedback": self.feedback,
            "body_limit": self.body_limit,
            "models": [await self._model(served) for served in self.lineup],
        }
        return Reply(orjson.dumps(about))

    async def _model(self, served: Served) -> dict[str, Any]:
        facts = served.facts
        return {
            "name": facts.name,
            "version": facts.version,
            "role": served.role.value,
            "net": facts.net,
            "classes": facts.classes,
            "image_shape": facts.image_shape,
            "parameters": facts.parameters,
            "dataset": facts.dataset.name,
            "reading": _reading(facts),
            "golden": _golden(facts),
            **await self._layers(served),
        }

    async def _layers(self, served: Served) -> dict[str, Any]:
        try:
            activations = await self.explainers.of(served)
        except ModelRefused as error:
            return {"layers": None, "absent": str(error)}
        return {"layers": orjson.Fragment(activations.layers), "absent": None}


def _reading(facts: Facts) -> dict[str, Any]:
    """What the page may say of pictures: formats it may offer, and what becomes of them."""
    rules = facts.rules
    return {
        "version": rules.version,
        "formats": rules.formats,
        "max_pixels": rules.max_pixels,
        "fit": rules.fit,
        "digit": rules.digit,
    }


def _golden(facts: Facts) -> dict[str, Any]:
    shown = min(len(facts.golden_labels), _SAMPLE_BYTES // facts.pixels)
    return {
        "images": base64.b64encode(facts.golden_images[:shown].tobytes()).decode(),
        "labels": facts.golden_labels[:shown],
    }


@dataclass(slots=True, frozen=True)
class Fitted:
    """POST /fit: bodies as /predict takes them → the pixels that the network receives."""

    lineup: Lineup
    reader: BodyReader

    async def __call__(self, request: Request) -> Reply:
        options = read_options(request.query)
        if options.errors_each:
            raise BadRequest("this path has no errors=each: its reply is pixels alone")
        facts = self.lineup.pick(version=options.version).facts
        content_type = request.headers.get(b"content-type", b"")
        images = await self.reader.read(request.body, content_type, facts, options.fit)
        return Reply(images.tobytes(), content_type=BINARY)
