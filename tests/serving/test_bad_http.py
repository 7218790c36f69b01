"""What the HTTP layer itself must refuse, with JSON, and without harm to others."""

import gzip
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.serving.live import Server, serving

HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
LIMIT = 32 << 20


def reply_to(server: Server, sent: bytes) -> tuple[int, dict[str, str]]:
    """Return status and JSON of the one reply after which the server closes."""
    received = server.raw(sent)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", received)) == 1
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (HEAD + b"Content-Length: 3, 4\r\n\r\nabcd", 400),
        (HEAD + b"Content-Length: -3\r\n\r\nabc", 400),
        (HEAD + b"Content-Length: +3\r\n\r\nabc", 400),
        (HEAD + b"Content-Length: 0x3\r\n\r\nabc", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (HEAD + b"Content-Length: %d\r\n\r\n" % (LIMIT + 1), 413),
        (b"GET /" + b"a" * 8200 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET /" + b"a" * 100_000, 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 33_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000, 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
    ],
)
def test_refused_before_any_handler_and_closed(server: Server, sent: bytes, status: int) -> None:
    """No smuggling: one JSON error, connection closed, and the server lives."""
    found, error = reply_to(server, sent)
    assert (found, set(error)) == (status, {"error"})
    assert server.ask("GET", "/v2/health/live").status == 200


def test_a_second_request_behind_an_ambiguous_one_is_never_served(server: Server) -> None:
    """What follows the refused bytes is not read as a request."""
    hidden = b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sent = HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden
    assert reply_to(server, sent)[0] == 400


def test_a_chunked_body_that_grows_past_the_limit_is_413_in_its_midst(tiny_model: Path) -> None:
    """The rest is not awaited, and not kept."""
    with serving("--model", str(tiny_model), "--body-limit", "10000") as server:
        chunk = b"1000\r\n" + bytes(4096) + b"\r\n"
        sent = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 500
        assert reply_to(server, sent)[0] == 413


def test_a_gzip_bomb_is_413(server: Server) -> None:
    """1 GB of zeros in 1 MB: inflated no further than the limit."""
    bomb = gzip.compress(bytes(LIMIT + 1))
    answer = server.ask(
        "POST",
        "/predict",
        bomb,
        content_encoding="gzip",
        content_type="application/octet-stream",
    )
    assert answer.status == 413
    for body, coding, status in (
        (bomb[:100], "gzip", 400),
        (b"abc", "gzip", 400),
        (b"abc", "deflate", 400),
        (bomb, "br", 415),
        (bomb, "gzip, gzip", 415),
    ):
        assert server.ask("POST", "/predict", body, content_encoding=coding).status == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "//", 404),
        ("GET", "/predict", 405),
        ("DELETE", "/predict", 405),
        ("POST", "/v2", 405),
        ("OPTIONS", "/metrics", 405),
        ("GET", "/%00", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
    ],
)
def test_unknown_paths_and_methods(server: Server, method: str, path: str, status: int) -> None:
    """404, or 405 that says what is allowed."""
    answer = server.ask(method, path)
    assert (answer.status, set(answer.json)) == (status, {"error"})
    assert ("allow" in answer.headers) == (status == 405)


def test_security_headers_are_on_every_reply(server: Server) -> None:
    """Also on errors."""
    for path in ("/v2", "/nowhere"):
        headers = server.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    """Many requests in one write: as many replies, in their order; then a half-closed end."""
    paths = [b"/v2", b"/nowhere", b"/v2/models"] * 30
    sent = b"".join(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in paths)
    received = server.raw(sent, half_close=True)
    statuses = [int(line[:3]) for line in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 404, 200] * 30


def test_http_1_0_head_and_upgrades(server: Server) -> None:
    """Old clients, HEAD, h2c offers and Expect are answered as plain HTTP/1.1 allows."""
    assert server.raw(b"GET /v2 HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")
    kept = server.raw(b"GET /v2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert b"connection: close" in kept
    head = server.raw(b"HEAD /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert head.endswith(b"\r\n\r\n")
    tunnel = b"CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert server.raw(tunnel).startswith(b"HTTP/1.1 404")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(HEAD + b"Content-Length: 784\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(bytes(784))
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"


def test_an_offer_of_another_protocol_costs_no_body(server: Server) -> None:
    """Java's client offers HTTP/2 with its first request, and sends its body behind it."""
    whole = HEAD + OFFER + b"Content-Length: 784\r\n\r\n" + bytes(784)
    chunked = (
        HEAD + OFFER + b"Transfer-Encoding: chunked\r\n\r\n310\r\n%b\r\n0\r\n\r\n" % bytes(784)
    )
    bare = b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n" + OFFER + b"\r\n"
    other = b"Connection: upgrade, close\r\nUpgrade: websocket\r\n"
    last = b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n" + other + b"\r\n"
    sent = whole + chunked + bare * 300 + whole + last + bare
    received = server.raw(sent)
    statuses = [int(line[:3]) for line in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200] * 304
    assert received.count(b'"predictions"') == 3
    for at in range(0, len(HEAD + OFFER) + 40, 7):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(whole[:at])
            time.sleep(0.001)
            client.sendall(whole[at:])
            assert client.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.fixture(scope="module")
def impatient(tiny_model: Path) -> Iterator[Server]:
    """Give a server with short deadlines."""
    flags = ("--header-timeout", "0.6", "--body-timeout", "0.6", "--idle-timeout", "0.6")
    with serving("--model", str(tiny_model), "--no-access-log", *flags) as server:
        yield server


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /v2 HTTP/1.1\r\nHo", 408),
        (HEAD + b"Content-Length: 784\r\n\r\nabc", 408),
        (b"", None),
    ],
)
def test_slow_senders_meet_a_deadline(impatient: Server, sent: bytes, status: int | None) -> None:
    """One byte now and then does not move it; a silent connection is just closed."""
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=10) as client:
        client.sendall(sent)
        client.settimeout(0.1)
        received, started_s = b"", time.monotonic()
        while time.monotonic() - started_s < 10:
            try:
                chunk = client.recv(1000)
            except TimeoutError:
                if sent:
                    client.sendall(b"x")
                continue
            except ConnectionError:
                break
            if not chunk:
                break
            received += chunk
        assert time.monotonic() - started_s < 10
    assert received.startswith(b"HTTP/1.1 %d" % status if status else b"")
    assert bool(received) == bool(status)


def test_a_thousand_idle_connections_do_not_keep_others_out(
    impatient: Server, images: NDArray[np.uint8], expected: NDArray[np.float32]
) -> None:
    """Good clients are served meanwhile; afterwards all the idle ones are gone."""
    with ExitStack() as stack:
        address = ("127.0.0.1", impatient.port)
        idle = [stack.enter_context(socket.create_connection(address, 20)) for _ in range(800)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda one: impatient.predict({"images": one.tolist()}), images[:32])
            )
        found = np.concatenate([answer.probabilities for answer in answers])
        assert np.abs(found - expected[:32]).max() < 1e-6
        assert all(client.recv(1) == b"" for client in idle)
