"""More than the server can take: bad callers, bursts, and clients that hang up."""

import asyncio
import json
import socket
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.serving.live import Server, serving
from tests.serving.load import leave

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


async def post(port: int, body: bytes, content_type: str = "application/json") -> tuple[int, bytes]:
    """Send one /predict request over its own connection; returns status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"Connection: close\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    writer.write(f"POST /predict HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode() + body)
    received = await reader.read()
    writer.close()
    return int(received.split()[1]), received.partition(b"\r\n\r\n")[2]


def test_one_bad_caller_among_63_good_ones(
    server: Server, images: Images, expected: Probabilities
) -> None:
    """In the same instant: 63 right answers and one 400."""
    bodies = [json.dumps({"images": image.tolist()}).encode() for image in images]
    bodies[17] = bodies[17].replace(b"]]]", b',"x"]]]')

    async def ask() -> list[tuple[int, bytes]]:
        return await asyncio.gather(*[post(server.port, body) for body in bodies])

    for index, (status, body) in enumerate(asyncio.run(ask())):
        assert status == (400 if index == 17 else 200)
        if status == 200:
            found = list(json.loads(body)["predictions"][0]["probabilities"].values())
            assert np.abs(np.array(found, np.float32) - expected[index]).max() < 1e-6


def test_a_burst_past_the_queue_is_refused_at_once(lenet_model: Path) -> None:
    """503 with Retry-After for the excess, right answers for the admitted, then all is well."""
    raw = bytes(784 * 64)

    async def burst(port: int) -> Counter[int]:
        asked = [post(port, raw, "application/octet-stream") for _ in range(200)]
        return Counter(status for status, _ in await asyncio.gather(*asked))

    flags = ("--model", str(lenet_model), "--queue", "128", "--threads", "1", "--no-access-log")
    with serving(*flags) as server:
        statuses = asyncio.run(burst(server.port))
        assert set(statuses) == {200, 503}
        assert server.metric('serving_refused_total{status="503"}') == statuses[503]
        assert server.metric('serving_queue_images{role="primary"}') == 0
        answer = server.ask("POST", "/predict", raw, content_type="application/octet-stream")
        assert answer.status == 200


def test_a_deadline_that_passed_in_the_queue_is_504(lenet_model: Path) -> None:
    """The caller hears of it instead of waiting for an answer that is too late."""
    flags = ("--model", str(lenet_model), "--deadline", "0", "--no-access-log")
    with serving(*flags) as server:
        raw = bytes(784)
        answer = server.ask("POST", "/predict", raw, content_type="application/octet-stream")
        assert (answer.status, set(answer.json)) == (504, {"error"})


def test_clients_that_hang_up_leave_no_trace(
    server: Server, images: Images, expected: Probabilities
) -> None:
    """A hundred reset the connection at once: who comes next gets a right answer, nothing stays."""
    raw = images[:8].tobytes()
    head = (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
    )
    for _ in range(100):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(raw) + raw)
        leave(client, "reset")
    answer = server.ask("POST", "/predict", raw, content_type="application/octet-stream")
    assert np.abs(answer.probabilities - expected[:8]).max() < 1e-6
    assert server.metric('serving_queue_images{role="primary"}') == 0
    assert server.metric("serving_connections") == 1, "only who asks is connected"
