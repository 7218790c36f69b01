"""What V2 says of the server and its models, as the objects that JSON and protobuf share.

Specification: Open Inference Protocol V2; Triton's extensions model configuration and model
repository (of the latter the index).
"""

from dataclasses import dataclass
from typing import Any

from contract.sidecars import PARAMETER
from serving import __version__
from serving.errors import ModelRefused
from serving.models.explain import Explainers
from serving.models.lineup import Lineup, Served
from serving.models.model import Model

EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "statistics")


@dataclass(slots=True, frozen=True, kw_only=True)
class Bounds:
    """Limits that a client may want to know beforehand."""

    max_batch: int
    body_limit: int
    max_pixels: int  # 0: the model's own


@dataclass(slots=True, frozen=True)
class Describer:
    lineup: Lineup
    bounds: Bounds
    explainers: Explainers

    def server(self) -> dict[str, Any]:
        return {"name": "serving", "version": __version__, "extensions": EXTENSIONS}

    def index(self) -> list[dict[str, str]]:
        """Whoever is served is ready; the others are not known here."""
        return [
            {
                "name": served.facts.name,
                "version": served.facts.version,
                "state": "READY",
                "reason": "",
            }
            for served in self.lineup
        ]

    async def model(self, served: Served) -> dict[str, Any]:
        name, admission = served.facts.name, served.batcher.admission
        named = [other.facts.version for other in self.lineup if other.facts.name == name]
        return {
            "name": name,
            "versions": list(dict.fromkeys(named)),
            "platform": "onnx_onnxv1",
            "inputs": [_tensor(Model.input_name, "UINT8", served.facts.image_shape)],
            "outputs": await self._outputs(served),
            "parameters": {
                "max_batch": self._max_batch(served),
                "body_limit": self.bounds.body_limit,
                "max_pixels": self._max_pixels(served),
                "queue": admission.queue_items,
                "deadline": admission.deadline_s,
            },
        }

    def config(self, served: Served) -> dict[str, Any]:
        """Triton's ModelConfig; its shapes are those of one image."""
        facts = served.facts
        outputs: list[dict[str, Any]] = [
            {"name": Model.output_name, "data_type": "TYPE_FP32", "dims": [len(facts.classes)]}
        ]
        if facts.is_judge:
            scalar = {"dims": [1], "reshape": {"shape": []}}
            outputs.append({"name": Model.familiarity_name, "data_type": "TYPE_FP32", **scalar})
        image = {"data_type": "TYPE_UINT8", "dims": list(facts.image_shape)}
        return {
            "name": facts.name,
            "platform": "onnxruntime_onnx",
            "backend": "onnxruntime",
            "max_batch_size": self._max_batch(served),
            "input": [{"name": Model.input_name, **image}],
            "output": outputs,
            "dynamic_batching": {"preferred_batch_size": [], "max_queue_delay_microseconds": 0},
        }

    def _max_batch(self, served: Served) -> int:
        return min(self.bounds.max_batch, served.batcher.admission.most_items)

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


def _tensor(name: str, datatype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1, *shape]}
