"""The gRPC port of one worker, if it has one: grpcio is imported for that alone."""

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.counts.sheet import Recorder
from serving.dialects.v2.endpoints import V2
from serving.keys import Keys
from serving.operations.access import AccessLog
from serving.operations.health import Health
from serving.settings import Settings
from serving.wire.budget import Budget

if TYPE_CHECKING:
    from serving.grpc.server import Server


@dataclass(slots=True, frozen=True)
class Port:
    """`reserved` holds the address; the server opens sockets of its own on it."""

    reserved: socket.socket | None = None
    server: "Server | None" = None

    async def start(self) -> None:
        """Raise OSError where the address cannot be listened on."""
        if self.server is not None and self.reserved is not None:
            await self.server.start(*self.reserved.getsockname()[:2])

    async def finish(self, patience_s: float) -> None:
        """Take no new call, answer those that were let in."""
        if self.server is not None:
            await self.server.finish(patience_s)


def port_of(  # noqa: PLR0913, PLR0917 -- what it shares with HTTP
    reserved: socket.socket | None,
    settings: Settings,
    v2: V2,
    health: Health,
    recorder: Recorder,
    access: AccessLog | None,
    memory: Budget,
    keys: Keys,
) -> Port:
    """Belongs to the running event loop."""
    if reserved is None:
        return Port()
    from serving.grpc.calls import Calls  # noqa: PLC0415 -- see above
    from serving.grpc.server import Bounds, Server  # noqa: PLC0415 -- likewise

    calls = Calls(
        health, recorder, keys=keys, memory=memory, access=access, body_s=settings.body_timeout
    )
    bounds = Bounds(message_bytes=settings.body_limit, idle_s=settings.idle_timeout)
    return Port(reserved, Server(v2, health, calls, bounds))
