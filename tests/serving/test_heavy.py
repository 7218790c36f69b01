"""A model of some 25 ms an image, asked for more than it can do, by callers who may leave."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.serving.live import Answer, Server, serving
from tests.serving.load import eventually, leave
from tests.serving.wire.raw_http import RawClient, head

IMAGE = bytes(784)
RAW = {"content_type": "application/octet-stream"}
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
WAITING = 'serving_queue_images{role="primary"}'
RUN = 'serving_images_total{role="primary"}'
TOO_LONG = {413, 504}  # 504: on this machine for a single image, too
LEFT = 'serving_shed_images_total{role="primary",reason="left"}'


@pytest.fixture(scope="module")
def heavy(slow_model: Path) -> Iterator[Server]:
    """One server with the slow model and two seconds for an answer."""
    with serving("--model", str(slow_model), "--threads", "1", "--deadline", "2") as running:
        yield running


@pytest.fixture(scope="module")
def patient(slow_model: Path) -> Iterator[Server]:
    """Likewise, with half a minute: also a busy machine answers what fits."""
    with serving("--model", str(slow_model), "--threads", "1", "--deadline", "30") as running:
        yield running


async def post(port: int, images: int = 1, *fields: str) -> Answer:
    """Ask over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    more = "".join(f"{field}\r\n" for field in ("Connection: close", *fields)).encode()
    writer.write(HEAD + more + b"Content-Length: %d\r\n\r\n" % (784 * images) + IMAGE * images)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    lines = [line.partition(": ") for line in head.decode().splitlines()[1:]]
    return Answer(int(head.split()[1]), {name: text for name, _, text in lines}, body)


def test_a_crowd_gets_answers_or_an_honest_refusal_at_once(heavy: Server) -> None:
    """Five seconds of work at one moment: what fits is answered, and nothing is run for nobody."""
    before = heavy.metric(RUN)

    async def crowd() -> list[Answer]:
        return await asyncio.gather(*[post(heavy.port) for _ in range(200)])

    answers = asyncio.run(crowd())
    statuses = Counter(answer.status for answer in answers)
    assert statuses[200] > 10  # as many as fit: 60 where nobody else uses the processor
    assert statuses[503] > 50
    assert statuses[200] + statuses[503] + statuses[504] == 200
    waits = {answer.headers["retry-after"] for answer in answers if answer.status == 503}
    assert all(wait.isdigit() and 1 <= int(wait) <= 5 for wait in waits)
    eventually(lambda: heavy.metric(WAITING) == 0, "an empty queue")
    assert heavy.metric(RUN) - before <= statuses[200] + 8  # a slice may just be too late
    shed = 'serving_shed_images_total{role="primary",reason="deadline"}'
    assert heavy.metric(shed) >= statuses[503]


def test_a_batch_that_is_too_large_for_the_deadline_is_told_so(heavy: Server) -> None:
    """413 with the number, which the metadata have too; that many are answered."""
    answer = heavy.ask("POST", "/predict", IMAGE * 512, **RAW)
    assert answer.status == 413
    assert "512 images take" in answer.json["error"]
    most = int(answer.json["error"].partition("up to ")[2].split()[0])
    assert 8 <= most < 512
    metadata = heavy.get("/v2/models/digits-classifier")["parameters"]
    assert metadata["deadline"] == 2.0
    assert metadata["max_batch"] == most
    assert heavy.ask("POST", "/predict", IMAGE * (most // 2), **RAW).status == 200


def test_a_callers_own_deadline_holds_at_every_door(heavy: Server) -> None:
    """In seconds as a field, in microseconds as V2's parameter; what is no time is 400."""
    answer = heavy.ask("POST", "/predict", IMAGE * 60, x_request_timeout="0.2", **RAW)
    assert answer.status in TOO_LONG
    assert "too long for 0.2 s" in answer.json["error"]
    for timeout, images, statuses in (
        *((200_000, 60, TOO_LONG), (0, 2, {200})),
        *((-1, 2, {400}), ("1", 2, {400}), (True, 2, {400})),
    ):
        shape, data = [images, 1, 28, 28], [0] * images * 784
        tensor = {"name": "images", "datatype": "UINT8", "shape": shape, "data": data}
        body = {"inputs": [tensor], "parameters": {"timeout": timeout}}
        infer = "/v2/models/digits-classifier/infer"
        assert heavy.ask("POST", infer, json.dumps(body).encode()).status in statuses, timeout
    for text in ("0", "-1", "soon", "1e3", ""):
        answer = heavy.ask("POST", "/predict", IMAGE, x_request_timeout=text, **RAW)
        assert answer.status == 400, text


def test_single_images_pass_a_large_batch(patient: Server) -> None:
    """Both are answered; those of one image before the one of many."""
    order: list[int] = []

    async def ask(images: int) -> None:
        answer = await post(patient.port, images)
        assert answer.status == 200
        order.append(images)

    async def both() -> None:
        await asyncio.gather(ask(16), *[ask(1) for _ in range(3)])

    asyncio.run(both())
    assert order == [1, 1, 1, 16]


@pytest.mark.parametrize("how", ["reset", pytest.param("end", marks=pytest.mark.soak)])
def test_clients_that_leave_are_not_run(slow_model: Path, how: str) -> None:
    """By RST or FIN: their place is free again, the log says 499, and their mates are answered."""
    flags = ("--model", str(slow_model), "--threads", "1", "--deadline", "10")
    with serving(*flags) as server:
        stays = send(server, 30)
        eventually(lambda: server.metric(WAITING) == 30, "a busy server")
        clients = [send(server, 12) for _ in range(8)]
        eventually(lambda: server.metric(WAITING) > 80, "a queue")
        for client in clients:
            leave(client, how)
        eventually(lambda: server.metric("serving_connections") == 2, "only two are left")
        assert stays.recv(1 << 16).startswith(b"HTTP/1.1 200")
        stays.close()
        eventually(lambda: server.metric(RUN) + server.metric(LEFT) == 126, "all are accounted for")
        gone = server.metric('serving_requests_total{route="/predict",status="499"}')
        assert gone >= 1
        assert server.metric(LEFT) >= 1
        assert server.metric(WAITING) == 0
        server.stop()
        lines = [json.loads(line) for line in server.log if line.startswith("{")]
        assert sum(line["status"] == 499 for line in lines) == gone


def test_a_half_closed_client_is_answered_by_an_idle_server(heavy: Server) -> None:
    """As `nc -N` asks: whose turn comes at once has its answer."""
    request = HEAD + b"Content-Length: 784\r\n\r\n" + IMAGE
    assert heavy.raw(request, half_close=True).startswith(b"HTTP/1.1 200")


def test_many_callers_of_a_light_model_are_all_answered(lenet_model: Path) -> None:
    """A tenth of a second of work is no reason to refuse, however many images it is."""

    async def crowd(port: int) -> Counter[int]:
        answers = await asyncio.gather(*[post(port, 64) for _ in range(80)])
        return Counter(answer.status for answer in answers)

    with serving("--model", str(lenet_model), "--no-access-log") as server:
        assert asyncio.run(crowd(server.port)) == {200: 80}


def test_a_large_body_is_not_read_where_there_is_no_room(patient: Server) -> None:
    """503 at the head, without the body or a 100 for it; a short body is read before its 503."""
    with ExitStack() as waits:
        for _ in range(160):  # four seconds of work, and nobody who could be passed
            waits.enter_context(send(patient, 1))
        eventually(lambda: patient.metric(WAITING) > 128, "a queue")
        with RawClient(patient) as client:
            asks = ("Content-Type: application/octet-stream", "X-Request-Timeout: 1")
            client.send(head("/predict", *asks, "Content-Length: 2000000", "Expect: 100-continue"))
            answer = client.reply()
            assert (answer.status, answer.headers["connection"]) == (503, "close")
            assert int(answer.headers["retry-after"]) >= 1
            assert "no answer within 1 s" in answer.json["error"]
            assert client.ends()
        with RawClient(patient) as client:
            client.send(head("/predict", *asks, "Content-Length: 784", "Expect: 100-continue"))
            assert client.reply().status == 100
            client.send(IMAGE)
            assert client.reply().status == 503


def test_fifty_connections_do_not_starve_one(patient: Server) -> None:
    """Callers take turns: who asks once is answered while others ask without a pause."""

    async def crowd() -> list[int]:
        on = True

        async def ask_on() -> None:
            while on:
                await post(patient.port)

        others = [asyncio.create_task(ask_on()) for _ in range(50)]
        answers = [(await post(patient.port)).status for _ in range(3)]
        on = False
        await asyncio.gather(*others)
        return answers

    assert asyncio.run(crowd()) == [200, 200, 200]


def send(server: Server, images: int) -> socket.socket:
    """Send a request and do not wait for the answer."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (784 * images) + IMAGE * images)
    return client
