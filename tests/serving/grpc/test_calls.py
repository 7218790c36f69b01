"""Calls on a real server: keys, limits, deadlines, the log, the end."""

import json
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest

from tests.serving.grpc.asking import INFER, MODEL, Images, asked, call, changed, refusal
from tests.serving.live import NotAdmittedError, Server, serving
from tests.serving.load import eventually

Code = grpc.StatusCode


def test_a_message_above_the_limit_is_refused(tiny_model: Path) -> None:
    """Also when it is small while it is compressed; the next good call is answered."""
    flags = ("--model", str(tiny_model), "--no-access-log", "--grpc-port", "0")
    with (
        serving(*flags, "--body-limit", "100000") as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        large = asked(np.zeros((1000, 1, 28, 28), np.uint8)).SerializeToString()
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            error = refusal(channel, large, compression=compression)
            assert error.code() is Code.RESOURCE_EXHAUSTED
        assert call(channel, changed())
        assert not [line for line in server.log if "Traceback" in line]


def test_the_key_guards_inference_and_statistics(tiny_model: Path) -> None:
    """As over HTTP, in either field; what a client must know beforehand stays open."""
    flags = ("--model", str(tiny_model), "--no-access-log", "--grpc-port", "0", "--api-key", "k")
    with serving(*flags) as server, grpc.insecure_channel(server.grpc) as channel:
        for metadata in (None, (("authorization", "Bearer x"),), (("x-api-key", ""),)):
            assert refusal(channel, changed(), metadata=metadata).code() is Code.UNAUTHENTICATED
        for metadata in ((("authorization", "Bearer k"),), (("x-api-key", "k"),)):
            assert call(channel, changed(), metadata=metadata)
        path = "/inference.GRPCInferenceService/ModelStatistics"
        assert refusal(channel, b"", path).code() is Code.UNAUTHENTICATED
        assert call(channel, b"", "/inference.GRPCInferenceService/ServerMetadata")


def test_deadlines_and_refusals_of_a_slow_model(slow_model: Path) -> None:
    """Who cannot be answered in time hears it at once, and when to; who leaves is not run."""
    flags = ("--model", str(slow_model), "--no-access-log", "--grpc-port", "0", "--threads", "1")
    with serving(*flags, "--queue", "40") as server, grpc.insecure_channel(server.grpc) as channel:
        shape = server.get(f"/v2/models/{MODEL}")["inputs"][0]["shape"][1:]
        one = asked(np.zeros((1, *shape), np.uint8)).SerializeToString()
        many = asked(np.zeros((40, *shape), np.uint8)).SerializeToString()
        error = refusal(channel, one, metadata=(("x-request-timeout", "0.001"),))
        assert error.code() is Code.DEADLINE_EXCEEDED
        assert "an image takes" in error.details()
        error = refusal(channel, many, timeout=0.3)
        assert error.code() is Code.RESOURCE_EXHAUSTED
        assert "allow more time" in error.details()

        runs = channel.unary_unary(INFER).future(many, timeout=20)
        eventually(lambda: server.metric('serving_queue_images{role="primary"}') == 40, "the queue")
        error = refusal(channel, one)
        assert error.code() is Code.UNAVAILABLE
        pushback = dict(error.trailing_metadata())
        assert int(pushback["grpc-retry-pushback-ms"]) == 1000 * int(pushback["retry-after"]) > 0
        runs.cancel()
        left = 'serving_shed_images_total{role="primary",reason="left"}'
        eventually(lambda: server.metric(left) > 0, "those that are not run")
        assert call(channel, one)
        route = f'route="{INFER}"'
        assert server.metric(f'serving_requests_total{{{route},status="499"}}') == 1
        assert server.metric(f'serving_requests_total{{{route},status="503"}}') == 1


def test_a_message_that_does_not_arrive(tiny_model: Path) -> None:
    """Its time to arrive is that of a body, and the call ends."""
    flags = ("--model", str(tiny_model), "--no-access-log", "--grpc-port", "0")
    with (
        serving(*flags, "--body-timeout", "0.3") as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        held = threading.Event()

        def nothing() -> Iterator[bytes]:
            held.wait(20)
            yield b""

        with pytest.raises(grpc.RpcError) as refused:
            channel.stream_unary(INFER)(nothing(), timeout=20)
        held.set()
        assert refused.value.code() is Code.DEADLINE_EXCEEDED
        assert "did not arrive within 0.3 s" in refused.value.details()


def test_the_log_and_the_metrics_know_the_calls(tiny_model: Path, images: Images) -> None:
    """One line each, with the caller's id; the route is the method's path."""
    with serving("--model", str(tiny_model), "--grpc-port", "0") as server:
        with grpc.insecure_channel(server.grpc) as channel:
            content = asked(images[:3]).SerializeToString()
            call(channel, content, metadata=(("x-request-id", "mine"),))
            refusal(channel, b"\xff")
        assert server.metric(f'serving_requests_total{{route="{INFER}",status="200"}}') == 1
        assert server.metric('serving_refused_total{status="400"}') == 1
        server.stop()
        lines = [json.loads(line) for line in server.log if line.startswith("{")]
    good, bad = [line for line in lines if line["path"] == INFER]
    assert (good["status"], good["images"], good["request_id"]) == (200, 3, "mine")
    assert good["client"] == "127.0.0.1"
    assert bad["status"] == 400


def test_the_end_answers_who_was_let_in(slow_model: Path) -> None:
    """SIGTERM under load: not ready first, everyone who was let in is answered, exit 0."""
    flags = ("--model", str(slow_model), "--no-access-log", "--grpc-port", "0", "--drain", "0.5")
    with (
        serving(*flags, "--workers", "2") as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        shape = server.get(f"/v2/models/{MODEL}")["inputs"][0]["shape"][1:]
        content = asked(np.zeros((8, *shape), np.uint8)).SerializeToString()
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(call, channel, content) for _ in range(8)]
            eventually(lambda: server.metric('serving_queue_images{role="primary"}') > 0, "work")
            server.process.send_signal(signal.SIGTERM)
            assert all(len(one.result()) > 0 for one in waiting)
        assert server.wait() == 0


def test_the_end_waits_for_a_message_that_is_on_its_way(tiny_model: Path) -> None:
    """Who was let in before SIGTERM is answered, also when HTTP has ended; then the exit is 0."""
    flags = ("--model", str(tiny_model), "--no-access-log", "--grpc-port", "0", "--drain", "0")
    with serving(*flags) as server, grpc.insecure_channel(server.grpc) as channel:
        begun, held = threading.Event(), threading.Event()

        def late() -> Iterator[bytes]:
            begun.set()
            held.wait(20)
            yield changed()

        answer = channel.stream_unary(INFER).future(late(), timeout=20)
        begun.wait(20)
        assert call(channel, b"", "/grpc.health.v1.Health/Check")  # behind it on one connection
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: not is_listening(server), "the end of HTTP")
        held.set()
        assert len(answer.result()) > 0
        assert server.wait() == 0


def is_listening(server: Server) -> bool:
    try:
        server.ask("GET", "/v2/health/live")
    except (NotAdmittedError, OSError):
        return False
    return True


def test_two_workers_share_the_port(tiny_model: Path, images: Images) -> None:
    """Each listens on it, and the calls of both are counted together."""
    flags = ("--model", str(tiny_model), "--grpc-port", "0", "--workers", "2", "--no-access-log")
    with serving(*flags) as server:
        content = asked(images[:1]).SerializeToString()
        for at in range(40):
            options = (("grpc.use_local_subchannel_pool", 1), ("own", at))
            with grpc.insecure_channel(server.grpc, options=options) as channel:
                assert call(channel, content)
        (one,) = server.get(f"/v2/models/{MODEL}/stats")["model_stats"]
        assert one["inference_count"] == 40
        sockets = "".join(Path(f"/proc/net/{kind}").read_text() for kind in ("tcp", "tcp6"))
        port = int(server.grpc.rpartition(":")[2])
        assert len(re.findall(rf":{port:04X} 0+:0000 0A ", sockets)) == 2  # that listen
