"""Behind a real nginx: who leaves, connections that it keeps, a prefix, large bodies."""

import json
import re
import socket
import time
from pathlib import Path

import pytest

from serving.settings import Settings
from tests.serving.live import Server, serving
from tests.serving.load import eventually, leave
from tests.serving.nginx import PREFIX, nginx_before

IMAGE = bytes(784)
RAW = {"content_type": "application/octet-stream"}
WAITING = 'serving_queue_images{role="primary"}'
RUN = 'serving_images_total{role="primary"}'
LEFT = 'serving_shed_images_total{role="primary",reason="left"}'


def send(server: Server, images: int) -> socket.socket:
    """Send a request through nginx and do not wait for the answer."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = (
        f"POST {PREFIX}/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {RAW['content_type']}"
    )
    client.sendall(f"{head}\r\nContent-Length: {784 * images}\r\n\r\n".encode() + IMAGE * images)
    return client


@pytest.mark.parametrize("how", ["reset", pytest.param("end", marks=pytest.mark.soak)])
def test_who_leaves_is_not_run(slow_model: Path, tmp_path: Path, free_port: int, how: str) -> None:
    """By RST or FIN at nginx, which then closes its side: 499, and the mates are answered."""
    flags = ("--model", str(slow_model), "--threads", "1", "--deadline", "60")
    with serving(*flags) as server, nginx_before(server, tmp_path, free_port) as nginx:
        stays = send(nginx, 16)
        eventually(lambda: server.metric(WAITING) == 16, "a busy server")
        clients = [send(nginx, 16) for _ in range(6)]
        eventually(lambda: server.metric(WAITING) > 80, "a queue")
        for client in clients:
            leave(client, how)
        assert stays.recv(1 << 16).startswith(b"HTTP/1.1 200")
        stays.close()
        eventually(lambda: server.metric(RUN) + server.metric(LEFT) == 112, "all accounted for")
        assert server.metric(LEFT) >= 16
        gone = server.metric('serving_requests_total{route="/predict",status="499"}')
        assert gone >= 1
        server.stop()
        lines = [json.loads(line) for line in server.log if line.startswith("{")]
        assert sum(line["status"] == 499 for line in lines) == gone


def test_a_kept_connection_is_never_closed_under_a_request(
    tiny_model: Path, tmp_path: Path, free_port: int
) -> None:
    """The server waits longer than the proxy (75 s to its 60, here a hundredth): no 502."""
    assert Settings().idle_timeout > 60
    flags = ("--model", str(tiny_model), "--idle-timeout", "0.75", "--no-access-log")
    with (
        serving(*flags) as server,
        nginx_before(server, tmp_path, free_port, idle="600ms") as nginx,
    ):
        for pause_s in (0, 0, 0.5, 0.55, 0.58, 0.6, 0.65, 0.7, 0.75, 0.8):
            time.sleep(pause_s)
            assert nginx.ask("POST", f"{PREFIX}/predict", IMAGE, **RAW).status == 200
        opened = server.metric("serving_connections")
        assert opened >= 1  # this one, and what nginx keeps


def test_a_prefix_serves_page_and_predictions(
    tiny_model: Path, tmp_path: Path, free_port: int
) -> None:
    """Links are relative, and the log has the client before the proxy."""
    flags = ("--model", str(tiny_model), "--trusted-proxy", "127.0.0.1")
    with serving(*flags) as server, nginx_before(server, tmp_path, free_port) as nginx:
        page = nginx.ask("GET", f"{PREFIX}/")
        assert page.status == 200
        links = re.findall(r'(?:src|href)="([^"#:]+)"', page.body.decode())
        assert len(links) > 3
        for link in links:
            assert nginx.ask("GET", f"{PREFIX}/{link}").status == 200, link
        asked = nginx.ask("POST", f"{PREFIX}/predict", IMAGE, x_forwarded_for="203.0.113.9", **RAW)
        assert asked.status == 200
        server.stop()
        lines = [json.loads(line) for line in server.log if line.startswith("{")]
        assert [one["client"] for one in lines if one["path"] == "/predict"] == ["203.0.113.9"]


def test_a_body_over_the_limit_is_413_there_too(
    tiny_model: Path, tmp_path: Path, free_port: int
) -> None:
    """Not the proxy's 502: the server answers at the head, and reads on for a while."""
    flags = ("--model", str(tiny_model), "--no-access-log")
    with serving(*flags) as server, nginx_before(server, tmp_path, free_port) as nginx:
        for size in (33 << 20, 99 << 20):
            answer = nginx.ask("POST", f"{PREFIX}/predict", bytes(size), **RAW)
            assert answer.status == 413
            assert "body is larger than" in answer.json["error"]
        assert nginx.ask("POST", f"{PREFIX}/predict", IMAGE * 1024, **RAW).status == 200
