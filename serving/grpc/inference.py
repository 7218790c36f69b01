"""The methods of the inference service, on the same models as the V2 paths."""

# ruff: noqa: ARG002 -- every answer takes the message and the context

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import Message

from serving.context import Context
from serving.dialects.pieces import made
from serving.dialects.v2.endpoints import V2
from serving.dialects.v2.statistics import statistics
from serving.errors import Unavailable
from serving.grpc import tensors
from serving.grpc.calls import Answer, Method
from serving.grpc.messages import INFERENCE, filled
from serving.models.lineup import Served
from serving.operations.health import Health

_REST = f"/{INFERENCE}"  # in metrics: whatever is no inference
_GUARDED = {"ModelInfer", "ModelStatistics"}


@dataclass(slots=True, frozen=True)
class Inference:
    v2: V2
    health: Health

    def methods(self) -> list[Method]:
        answers: dict[str, Answer] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.infer,
            "ModelConfig": self.config,
            "ModelStatistics": self.stats,
            "RepositoryIndex": self.index,
        }
        return [
            Method(
                path=f"/{INFERENCE}/{name}",
                label=f"{_REST}/{name}" if name == "ModelInfer" else _REST,
                request=f"inference.{name}Request",
                answer=answer,
                guarded=name in _GUARDED,
                infers=name == "ModelInfer",
            )
            for name, answer in answers.items()
        ]

    async def server_live(self, request: Message, context: Context) -> Message:
        return filled("inference.ServerLiveResponse", {"live": _holds(self.health.check_live)})

    async def server_ready(self, request: Message, context: Context) -> Message:
        return filled("inference.ServerReadyResponse", {"ready": _holds(self.health.check_ready)})

    async def model_ready(self, request: Message, context: Context) -> Message:
        """Raise NotFound for another name or version."""

        def check() -> None:
            self._pick(request)
            self.health.check_ready()

        return filled("inference.ModelReadyResponse", {"ready": _holds(check)})

    async def server_metadata(self, request: Message, context: Context) -> Message:
        return filled("inference.ServerMetadataResponse", self.v2.describer.server())

    async def model_metadata(self, request: Message, context: Context) -> Message:
        described = await self.v2.describer.model(self._pick(request))
        return filled("inference.ModelMetadataResponse", described)

    async def config(self, request: Message, context: Context) -> Message:
        config = self.v2.describer.config(self._pick(request))
        return filled("inference.ModelConfigResponse", {"config": config})

    async def stats(self, request: Message, context: Context) -> Message:
        asked = self.v2.asked(request.name or None, request.version or None)
        found = statistics(self.v2.sheet, asked)
        return filled("inference.ModelStatisticsResponse", found)

    async def index(self, request: Message, context: Context) -> Message:
        return filled("inference.RepositoryIndexResponse", {"models": self.v2.describer.index()})

    async def infer(self, request: Message, context: Context) -> Message:
        """Raise what the V2 path raises."""
        name, version = request.model_name, request.model_version
        served = self.v2.describer.lineup.pick(name=name, version=version or None)
        facts = served.facts
        context.version = facts.version
        served.batcher.expect(context)
        inference = await tensors.read(request, context, facts, self.v2.files)
        arrays = await self.v2.arrays(inference, served, context)
        numbers = sum(array.size for array in arrays.values())
        return await made(lambda: tensors.written(inference, arrays, facts), numbers=numbers)

    def _pick(self, request: Message) -> Served:
        return self.v2.describer.lineup.pick(name=request.name, version=request.version or None)


def _holds(check: Callable[[], None]) -> bool:
    try:
        check()
    except Unavailable:
        return False
    return True
