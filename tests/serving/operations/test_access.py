"""What the access log says of a request, and what the reply echoes."""

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from serving.operations.proxies import Proxies
from tests.serving.live import Server, serving

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def logged(server: Server) -> list[dict[str, Any]]:
    """Stop the server and give its lines."""
    server.stop()
    return [json.loads(line) for line in server.log if line.startswith("{")]


def test_a_line_says_what_became_of_the_images(tiny_model: Path) -> None:
    """Model, images, time in the queue and in runs; nothing of it where none were run."""
    raw = {"content_type": "application/octet-stream"}
    with serving("--model", str(tiny_model)) as server:
        version = server.get("/model")["version"]
        assert server.ask("POST", "/predict", bytes(784 * 5), **raw).status == 200
        assert server.ask("POST", "/predict", b"short", **raw).status == 400
        facts, good, bad = logged(server)
    assert (good["version"], good["images"]) == (version, 5)
    assert 0 <= good["queue_ms"] <= good["ms"]
    assert 0 < good["run_ms"] <= good["ms"]
    assert bad["version"] == version
    assert not {"images", "queue_ms", "run_ms"} & (facts.keys() | bad.keys())


def test_identifiers_are_echoed_and_logged(tiny_model: Path) -> None:
    """Where they are well formed, in every reply, also of a refusal."""
    given = {"x_request_id": "a1/B-2.c_3:4", "traceparent": PARENT, "user_agent": "probe/1"}
    with serving("--model", str(tiny_model)) as server:
        for path, status in (("/v2", 200), ("/nowhere", 404)):
            answer = server.ask("GET", path, b"", **given)
            assert answer.status == status
            assert answer.headers["x-request-id"] == "a1/B-2.c_3:4"
            assert answer.headers["traceparent"] == PARENT
        lines = logged(server)
    assert [line["path"] for line in lines] == ["/v2", "/nowhere"]
    for line in lines:
        assert line["request_id"] == "a1/B-2.c_3:4"
        assert line["traceparent"] == PARENT
        assert line["user_agent"] == "probe/1"


def test_ill_formed_ones_are_passed_over(tiny_model: Path) -> None:
    """Nothing that a caller made up comes back or into the log."""
    with serving("--model", str(tiny_model)) as server:
        for name, text in (
            ("x_request_id", "a b"),
            ("x_request_id", '"}'),
            ("x_request_id", "x" * 129),
            ("traceparent", PARENT.upper()),
            ("traceparent", PARENT.replace("00-", "ff-", 1)),
            ("traceparent", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"),
            ("traceparent", PARENT[:-3]),
        ):
            answer = server.ask("GET", "/v2", b"", **{name: text})
            assert answer.status == 200
            assert not {"x-request-id", "traceparent"} & answer.headers.keys()
        lines = logged(server)
    assert not any({"request_id", "traceparent"} & line.keys() for line in lines)


def test_long_words_do_not_make_long_lines(tiny_model: Path) -> None:
    """A line is written whole or not at all: below the 4096 bytes that a pipe takes at once."""
    with serving("--model", str(tiny_model)) as server:
        server.ask("GET", "/" + "%01" * 2000, user_agent="\x7f" * 8000)
        server.stop()
        lines = [line for line in server.log if line.startswith("{")]
    assert len(lines) == 1
    assert len(lines[0].encode()) < 4096


def test_the_client_behind_a_trusted_proxy_is_logged(tiny_model: Path) -> None:
    """By default nobody is believed."""
    forwarded = {"x_forwarded_for": "6.6.6.6, 203.0.113.7"}
    for flags, client in ((), "127.0.0.1"), (("--trusted-proxy", "127.0.0.0/8"), "203.0.113.7"):
        with serving("--model", str(tiny_model), *flags) as server:
            server.ask("GET", "/v2", b"", **forwarded)
            assert [line["client"] for line in logged(server)] == [client]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1, 10.0.0.2", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1,10.0.0.2", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1, fd00::2", "1.1.1.1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", "1.1.1.1, forged", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("9.9.9.9", "1.1.1.1", "9.9.9.9"),
        ("", "1.1.1.1", ""),
    ],
)
def test_addresses_count_as_far_as_their_writers_are_trusted(
    peer: str, forwarded: str, client: str
) -> None:
    """From the right: whoever is connected wrote the last one."""
    proxies = Proxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
    assert proxies.client_of(peer, {b"x-forwarded-for": forwarded.encode()}) == client
    assert Proxies([]).client_of(peer, {b"x-forwarded-for": forwarded.encode()}) == peer
