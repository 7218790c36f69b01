"""A hundred thousand mixed requests, and every kind of disturbance in the midst of them."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.serving.live import ROOT, Server, serving
from tests.serving.mixed import Callers, Shot, Tally, shots
from tests.serving.onnx_files import answers, build_model

pytestmark = pytest.mark.soak

Images = NDArray[np.uint8]
TOTAL, WARM_UP = 100_000, 10_000
GROWTH_MB = 10
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
FLAGS = ("--no-access-log", "--watch", "0.1")


@pytest.fixture(scope="module")
def ammunition(lenet_model: Path) -> list[Shot]:
    """Make 2,000 requests for the LeNet, with their right answers."""
    images = np.random.default_rng(3).integers(0, 256, (256, 1, 28, 28)).astype(np.uint8)
    return shots(images, answers(lenet_model.read_bytes(), images), 2000, seed=4)


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no process {pid}")


def test_a_hundred_thousand_mixed_requests(lenet_model: Path, ammunition: list[Shot]) -> None:
    """All dialects, 1 to 64 images, 5 % bad, 5 % hung up: each answer right, memory flat."""

    async def fire(server: Server) -> tuple[Tally, float]:
        callers = Callers(server.port, ammunition)
        await callers.fire(WARM_UP, connections=32, hang_up_every=20)
        before = rss_mb(server.process.pid)
        await callers.fire(TOTAL, connections=32, hang_up_every=20)
        return callers.tally, rss_mb(server.process.pid) - before

    with serving("--model", str(lenet_model), *FLAGS) as server:
        tally, growth = asyncio.run(fire(server))
    assert not tally.wrong, tally.wrong[:5]
    assert (tally.cut, tally.kept_out) == (0, 0)
    assert tally.right + tally.hung_up == TOTAL + WARM_UP
    assert 0.04 < tally.hung_up / (TOTAL + WARM_UP) < 0.06
    assert 0.04 < 1 - tally.statuses[200] / tally.statuses.total() < 0.06
    assert growth <= GROWTH_MB


def under_load(
    server: Server, ammunition: list[Shot], disturb: Callable[[], Awaitable[None]]
) -> Tally:
    """Fire from 16 connections, disturb the server in the midst, and go on for a while."""

    async def run() -> Tally:
        callers = Callers(server.port, ammunition)
        load = asyncio.create_task(callers.fire(10**9, connections=16))
        await asyncio.sleep(1)
        await disturb()
        callers.on = False
        await load
        return callers.tally

    tally = asyncio.run(run())
    assert tally.right > 500
    return tally


async def until(holds: Callable[[], bool], what: str) -> None:
    last_s = time.monotonic() + 20
    while not await asyncio.to_thread(holds):
        if time.monotonic() > last_s:
            raise AssertionError(f"not within 20 s: {what}")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_loses_no_admitted_request(
    lenet_model: Path, ammunition: list[Shot], workers: str
) -> None:
    """Whatever was admitted is answered rightly, then refused with 503; the exit status is 0."""
    flags = ("--model", str(lenet_model), "--workers", workers, "--drain", "1", *FLAGS)
    with serving(*flags) as server:

        async def stop() -> None:
            server.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(server.wait) == 0

        tally = under_load(server, ammunition, stop)
    refused = [text for text in tally.wrong if text.startswith("503 ")]
    assert tally.wrong == refused
    assert tally.cut == 0


def test_a_killed_worker_takes_only_its_own_requests_along(
    lenet_model: Path, ammunition: list[Shot]
) -> None:
    """SIGKILL: at most one request of each connection is cut, none is answered wrongly."""
    flags = ("--model", str(lenet_model), "--workers", "2", *FLAGS)
    with serving(*flags) as server:
        pid = server.process.pid
        workers = Path(f"/proc/{pid}/task/{pid}/children")
        victim = int(workers.read_text().split()[0])

        def is_replaced() -> bool:
            now = workers.read_text().split()
            return len(now) == 2 and str(victim) not in now

        async def kill() -> None:
            os.kill(victim, signal.SIGKILL)
            await until(is_replaced, "a new worker")
            await until(lambda: server.metric("serving_ready_workers") == 2, "its model")

        tally = under_load(server, ammunition, kill)
    assert not tally.wrong, tally.wrong[:5]
    assert tally.kept_out == 0
    assert 0 <= tally.cut <= 16


@pytest.mark.parametrize("workers", ["1", "2"])
def test_reloads_good_and_bad_fail_no_request(
    tmp_path: Path, lenet_model: Path, ammunition: list[Shot], workers: str
) -> None:
    """Ten swaps of equal weights under another version, a spoiled file between each: all right."""
    path = tmp_path / "model.onnx"
    good = lenet_model.read_bytes()
    path.write_bytes(good)
    spoiled = build_model(net="lenet", spoil_golden=True)
    failed = 'serving_model_load_failures_total{role="primary"}'
    with serving("--model", str(path), "--workers", workers, *FLAGS) as server:

        async def swap() -> None:
            for number in range(10):
                failures = server.metric(failed)
                put(path, spoiled)
                await until(lambda seen=failures: server.metric(failed) > seen, "a refusal")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                put(path, renamed(good, number))

        tally = under_load(server, ammunition, swap)
    assert not tally.wrong, tally.wrong[:5]
    assert (tally.cut, tally.kept_out) == (0, 0)


def renamed(content: bytes, number: int) -> bytes:
    """Give the same graph another version: a metadata entry more."""
    import onnx  # noqa: PLC0415 -- heavy, and only here

    model = onnx.load_from_string(content)
    model.metadata_props.add(key="copy", value=str(number))
    changed: bytes = model.SerializeToString()
    return changed


def put(path: Path, content: bytes) -> None:
    beside = path.with_name("new.onnx")
    beside.write_bytes(content)
    beside.rename(path)


def test_fuzzing_the_openapi_document_finds_nothing(tmp_path: Path, lenet_model: Path) -> None:
    """Schemathesis: no 5xx but the documented 503 and 504, no reply off its schema."""
    with serving("--model", str(lenet_model), *FLAGS) as server:
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "run"),
            server.url + "/openapi.json",
            *("--checks", ",".join(CHECKS), "--max-examples", "60", "--seed", "1", "--no-color"),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout[-6000:]
        assert server.ask("GET", "/v2/health/live").status == 200


def test_a_fresh_environment_with_the_serving_extra_alone(
    tmp_path: Path, lenet_model: Path
) -> None:
    """`pip install '.[serving]'`: it starts, answers, shows its page; nothing of training came."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in ("contract", "pipeline", "serving"):
        shutil.copytree(ROOT / package, source / package)
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    constraints = str(ROOT / "constraints.txt")
    install = [str(python), "-m", "pip", "install", "-q", "-c", constraints, f"{source}[serving]"]
    subprocess.run(install, check=True, timeout=300)
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    ).stdout.lower()
    for package in ("torch", "lightning", "mlflow", "dvc", "onnx=", "pandas", "scikit"):
        assert f"\n{package}" not in "\n" + listed
    command = [str(python), "-m", "serving", "--port", "0", "--model", str(lenet_model)]
    server = Server(subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True))
    try:
        server.wait_for_address()
        assert server.ask("GET", "/v2/health/ready").status == 200
        assert server.ask("GET", "/").status == 200
        reply = server.ask("POST", "/predict", bytes(784), content_type="application/octet-stream")
        assert len(reply.json["predictions"]) == 1
    finally:
        assert server.stop() == 0
