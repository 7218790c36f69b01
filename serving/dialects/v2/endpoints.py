"""The V2 paths: server, models, health, inference."""

# ruff: noqa: ARG002 -- every handler takes the request

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from contract.sidecars import PARAMETER
from serving import __version__
from serving.dialects.picture_files import PictureFiles
from serving.dialects.pieces import made
from serving.dialects.v2.reading import Inference, read
from serving.dialects.v2.writing import reply
from serving.errors import ModelRefused
from serving.models.activations import Array
from serving.models.explain import Explainers
from serving.models.lineup import Lineup, Served
from serving.models.model import Facts, Model
from serving.wire.messages import Reply, Request


@dataclass(slots=True, frozen=True, kw_only=True)
class Bounds:
    """Limits that a client may want to know beforehand."""

    max_batch: int
    body_limit: int
    max_pixels: int  # 0: the model's own


@dataclass(slots=True, frozen=True)
class V2:
    lineup: Lineup
    bounds: Bounds
    explainers: Explainers
    files: PictureFiles

    async def server(self, request: Request) -> Reply:
        extensions = ["binary_tensor_data", "classification"]
        return _json({"name": "serving", "version": __version__, "extensions": extensions})

    async def models(self, request: Request) -> Reply:
        return _json({"models": sorted({served.facts.name for served in self.lineup})})

    async def model(self, request: Request, *, name: str, version: str | None = None) -> Reply:
        served = self.lineup.pick(name=name, version=version)
        admission = served.batcher.admission
        named = [other.facts.version for other in self.lineup if other.facts.name == name]
        return _json(
            {
                "name": name,
                "versions": list(dict.fromkeys(named)),
                "platform": "onnx_onnxv1",
                "inputs": [_tensor(Model.input_name, "UINT8", served.facts.image_shape)],
                "outputs": await self._outputs(served),
                "parameters": {
                    "max_batch": min(self.bounds.max_batch, admission.most_items),
                    "body_limit": self.bounds.body_limit,
                    "max_pixels": self._max_pixels(served),
                    "queue": admission.queue_items,
                    "deadline": admission.deadline_s,
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
        facts, context = served.facts, request.context
        context.version = facts.version
        served.batcher.expect(context)
        inference = await read(request, facts, self.files)
        layers = inference.layers
        arrays: dict[str, Array] = {}
        if layers:
            arrays = await self.explainers.run(served, inference.images, layers)
        if len(layers) < len(inference.outputs):
            answers = await served.answer(inference.images, context)
            both = zip(inference.own, facts.parts(answers), strict=False)
            arrays |= {name: part for name, part in both if part is not None}
        return await _written(inference, arrays, facts)

    def _max_pixels(self, served: Served) -> int:
        most = served.facts.rules.max_pixels
        return min(self.bounds.max_pixels or most, most)

    async def _outputs(self, served: Served) -> list[dict[str, Any]]:
        """What the model's file gives; and what the sidecar offers, where there is one."""
        outputs = [_tensor(Model.output_name, "FP32", (len(served.facts.classes),))]
        if served.facts.is_judge:
            outputs.append(_tensor(Model.familiarity_name, "FP32", ()))
        try:
            shapes = (await self.explainers.of(served)).shapes
        except ModelRefused:
            return outputs
        for name, shape in shapes.items():
            whole = name.startswith(PARAMETER)
            tensor = {"name": name, "datatype": "FP32", "shape": list(shape)}
            outputs.append(tensor if whole else _tensor(name, "FP32", shape))
        return outputs


async def _written(inference: Inference, arrays: Mapping[str, Array], facts: Facts) -> Reply:
    numbers = sum(array.size for array in arrays.values())
    return await made(lambda: reply(inference, arrays, facts), numbers=numbers)


def _tensor(name: str, datatype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1, *shape]}


def _json(value: object) -> Reply:
    return Reply(orjson.dumps(value))
