"""The gRPC port of one worker, from its methods to its end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import grpc

from serving.dialects.v2.endpoints import V2
from serving.grpc.calls import Calls, Method
from serving.grpc.health import HealthService
from serving.grpc.inference import Inference
from serving.grpc.messages import HEALTH, INFERENCE
from serving.operations.health import Health

_MOST_CALLS = 1024  # at a time, of one worker
_METADATA_BYTES = 32 << 10


@dataclass(slots=True, frozen=True, kw_only=True)
class Bounds:
    message_bytes: int
    idle_s: float


class Server:
    """Belongs to the running event loop. Workers share the port, as the kernel spreads them."""

    def __init__(self, v2: V2, health: Health, calls: Calls, bounds: Bounds) -> None:
        options = [
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", bounds.message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", _METADATA_BYTES),
            ("grpc.max_connection_idle_ms", int(1000 * bounds.idle_s)),
        ]
        self._server = grpc.aio.server(options=options, maximum_concurrent_rpcs=_MOST_CALLS)
        checks = HealthService(health)
        handlers = {
            INFERENCE: _handlers(calls, Inference(v2, health).methods()),
            HEALTH: _handlers(calls, checks.methods())
            | {"Watch": grpc.unary_stream_rpc_method_handler(checks.watch)},
        }
        self._server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(service, methods)
                for service, methods in handlers.items()
            ]
        )

    async def start(self, host: str, port: int) -> None:
        """Raise OSError where the address cannot be listened on."""
        try:
            self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        except RuntimeError:
            raise OSError(f"cannot listen on {host!r} port {port} for gRPC") from None
        await self._server.start()

    async def finish(self, patience_s: float) -> None:
        """Take no new call, answer those that were let in."""
        await self._server.stop(patience_s)


def _handlers(calls: Calls, methods: list[Method]) -> dict[str, grpc.RpcMethodHandler]:
    return {
        method.path.rpartition("/")[2]: grpc.stream_unary_rpc_method_handler(_one(calls, method))
        for method in methods
    }


def _one(
    calls: Calls, method: Method
) -> Callable[[object, grpc.aio.ServicerContext], Awaitable[bytes]]:
    """Leave the stream alone: the call reads its one message itself."""
    serve = partial(calls.serve, method)

    async def handle(_: object, rpc: grpc.aio.ServicerContext) -> bytes:
        return await serve(rpc)

    return handle
