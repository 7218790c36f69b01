"""The V2 paths: server, models, health, inference."""

# ruff: noqa: ARG002 -- every handler takes the request

from dataclasses import dataclass
from typing import Any

import orjson

from serving import __version__
from serving.dialects.v2.reading import read
from serving.dialects.v2.writing import reply
from serving.errors import ModelRefused
from serving.models.explain import Explainers
from serving.models.lineup import Lineup, Served
from serving.models.model import Model
from serving.models.sidecar import PARAMETERS
from serving.wire.messages import Reply, Request


@dataclass(slots=True, frozen=True, kw_only=True)
class Bounds:
    """Limits that a client may want to know beforehand."""

    max_batch: int
    body_limit: int
    max_pixels: int
    queue: int


@dataclass(slots=True, frozen=True)
class V2:
    lineup: Lineup
    bounds: Bounds
    explainers: Explainers

    async def server(self, request: Request) -> Reply:
        extensions = ["binary_tensor_data", "classification"]
        return _json({"name": "serving", "version": __version__, "extensions": extensions})

    async def models(self, request: Request) -> Reply:
        return _json({"models": sorted({served.facts.name for served in self.lineup})})

    async def model(self, request: Request, *, name: str, version: str | None = None) -> Reply:
        served = self.lineup.pick(name=name, version=version)
        named = [other.facts.version for other in self.lineup if other.facts.name == name]
        return _json(
            {
                "name": name,
                "versions": list(dict.fromkeys(named)),
                "platform": "onnx_onnxv1",
                "inputs": [_tensor(Model.input_name, "UINT8", served.facts.image_shape)],
                "outputs": await self._outputs(served),
                "parameters": {
                    "max_batch": self.bounds.max_batch,
                    "body_limit": self.bounds.body_limit,
                    "max_pixels": self.bounds.max_pixels,
                    "queue": self.bounds.queue,
                },
            }
        )

    async def model_ready(
        self, request: Request, *, name: str, version: str | None = None
    ) -> Reply:
        served = self.lineup.pick(name=name, version=version)
        return _json({"name": served.facts.name, "ready": True})

    async def infer(self, request: Request, *, name: str, version: str | None = None) -> Reply:
        served = self.lineup.pick(name=name, version=version)
        inference = read(
            request,
            served.facts.image_shape,
            limit=self.bounds.max_batch,
        )
        layers = inference.layers
        if not layers:
            probabilities = await served.batcher.submit(inference.images)
            return reply(inference, {Model.output_name: probabilities}, served.facts)
        arrays = await self.explainers.run(served, inference.images, layers)
        if len(layers) < len(inference.outputs):
            arrays[Model.output_name] = await served.batcher.submit(inference.images)
        return reply(inference, arrays, served.facts)

    async def _outputs(self, served: Served) -> list[dict[str, Any]]:
        """Probabilities; and what the sidecar offers, where there is one."""
        outputs = [_tensor(Model.output_name, "FP32", (len(served.facts.classes),))]
        try:
            shapes = (await self.explainers.of(served)).shapes
        except ModelRefused:
            return outputs
        for name, shape in shapes.items():
            whole = name.startswith(PARAMETERS)
            tensor = {"name": name, "datatype": "FP32", "shape": list(shape)}
            outputs.append(tensor if whole else _tensor(name, "FP32", shape))
        return outputs


def _tensor(name: str, datatype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1, *shape]}


def _json(value: object) -> Reply:
    return Reply(orjson.dumps(value))
