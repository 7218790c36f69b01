"""gRPC's health checking protocol: what the health paths say, for probes and balancers.

The service "" and those that the server has are ready or not; "liveness" is whether it lives.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError, Message

from serving.context import Context
from serving.errors import NotFound, Unavailable
from serving.grpc.calls import Method
from serving.grpc.messages import HEALTH, INFERENCE, filled, message
from serving.operations.health import Health

_LOOK_S = 0.25
_LIVENESS = "liveness"
_SERVICES = ("", INFERENCE, HEALTH, "readiness")


@dataclass(slots=True, frozen=True)
class HealthService:
    health: Health

    def methods(self) -> list[Method]:
        check = Method(
            path=f"/{HEALTH}/Check",
            label=f"/{HEALTH}",
            request="grpc.health.v1.HealthCheckRequest",
            answer=self.check,
        )
        return [check]

    async def check(self, request: Message, context: Context) -> Message:  # noqa: ARG002 -- an Answer
        """Raise NotFound for another service, as the protocol says."""
        status = self._status(request.service)
        if status == "SERVICE_UNKNOWN":
            raise NotFound(f"no such service: '', {INFERENCE} and {_LIVENESS} are known")
        return _response(status)

    async def watch(self, content: bytes, rpc: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        """Say it at once, and again whenever it changes, until the caller leaves."""
        try:
            request, said = message("grpc.health.v1.HealthCheckRequest").FromString(content), ""
        except DecodeError:
            await rpc.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "the message is no HealthCheckRequest"
            )
        while True:
            status = self._status(request.service)
            if status != said:
                said = status
                yield _response(status).SerializeToString()
            await asyncio.sleep(_LOOK_S)

    def _status(self, service: str) -> str:
        checks: dict[str, Callable[[], None]] = {_LIVENESS: self.health.check_live}
        checks |= dict.fromkeys(_SERVICES, self.health.check_ready)
        if service not in checks:
            return "SERVICE_UNKNOWN"
        try:
            checks[service]()
        except Unavailable:
            return "NOT_SERVING"
        return "SERVING"


def _response(status: str) -> Message:
    return filled("grpc.health.v1.HealthCheckResponse", {"status": status})
