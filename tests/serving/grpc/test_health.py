"""gRPC's health checking protocol, against the messages of its own definition."""

import signal
from pathlib import Path

import grpc
import pytest

from serving.grpc.messages import HEALTH, INFERENCE, message
from tests.serving.live import Server, serving

CHECK, WATCH = f"/{HEALTH}/Check", f"/{HEALTH}/Watch"
SERVING, NOT_SERVING, UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"  # field 1 of the response


def named(service: str) -> bytes:
    content: bytes = message("grpc.health.v1.HealthCheckRequest")(
        service=service
    ).SerializeToString()
    return content


@pytest.mark.parametrize("service", ["", INFERENCE, "readiness", "liveness"])
def test_a_server_that_serves(rpc: Server, service: str) -> None:
    """Whichever of its services is asked for."""
    with grpc.insecure_channel(rpc.grpc) as channel:
        assert channel.unary_unary(CHECK)(named(service), timeout=20) == SERVING


def test_another_service_is_unknown(rpc: Server) -> None:
    """NOT_FOUND of a check, a message of a watch, as the protocol says."""
    with grpc.insecure_channel(rpc.grpc) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(CHECK)(named("other"), timeout=20)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        watch = channel.unary_stream(WATCH)(named("other"), timeout=20)
        assert next(watch) == UNKNOWN
        watch.cancel()


def test_a_watch_sees_the_drain(tiny_model: Path) -> None:
    """SIGTERM: ready no more, but alive."""
    flags = ("--model", str(tiny_model), "--no-access-log", "--grpc-port", "0", "--drain", "3")
    with serving(*flags) as server, grpc.insecure_channel(server.grpc) as channel:
        watch = channel.unary_stream(WATCH)(named(""), timeout=20)
        assert next(watch) == SERVING
        server.process.send_signal(signal.SIGTERM)
        assert next(watch) == NOT_SERVING
        assert channel.unary_unary(CHECK)(named(""), timeout=20) == NOT_SERVING
        assert channel.unary_unary(CHECK)(named("liveness"), timeout=20) == SERVING
        watch.cancel()
        assert server.wait() == 0
