"""Start, reload, drain and death of real server processes."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.__main__ import main
from tests.serving.live import ROOT, NotAdmittedError, Server, serving, start_process
from tests.serving.load import Load, eventually, replace
from tests.serving.onnx_files import answers, build_model

Images = NDArray[np.uint8]


def test_the_first_line_says_what_is_served_and_where(tiny_model: Path) -> None:
    """Model, version, classes, address."""
    with serving("--model", str(tiny_model)) as server:
        version = server.get("/model")["version"]
        assert re.search(
            rf"model digits-classifier, version {version}, 10 classes \(0, 1, .*\), http://127",
            server.log[0],
        )


def test_onnxruntime_keeps_and_sends_no_reports(tiny_model: Path, tmp_path: Path) -> None:
    """Its telemetry would leave a device's number and a queue of events in the home folder."""
    with serving("--model", str(tiny_model), HOME=str(tmp_path), XDG_CACHE_HOME="") as server:
        assert server.ask("GET", "/v2/health/ready").status == 200
    assert list(tmp_path.iterdir()) == []


def test_a_fallback_cannot_be_missed(tmp_path: Path) -> None:
    """A model of another data set than was asked for says so at start, with what to do."""
    path = tmp_path / "model.onnx"
    path.write_bytes(build_model(source="fallback"))
    with serving("--model", str(path)) as server:
        eventually(lambda: "make refetch" in "".join(server.log), "the warning")
        assert "fallback set 'digits' instead of 'mnist'" in "".join(server.log)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "onnxruntime cannot read it"),
        (build_model()[:5000], "onnxruntime cannot read it"),
        (build_model(spoil_golden=True), "self-test failed"),
    ],
)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bad_model_stops_the_start(
    tmp_path: Path, content: bytes | None, words: str, workers: str
) -> None:
    """One clear line, and a status that is not 0."""
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    process = start_process("--model", str(path), "--workers", workers)
    _, log = process.communicate(timeout=30)
    assert process.returncode != 0
    assert words in log
    assert len(log.splitlines()) == 1


def test_a_bad_flag_or_a_taken_port_stops_the_start(server: Server) -> None:
    """One line on standard error, status 2."""
    for flags in (["--workers", "0"], ["--port", str(server.port)], ["--host", "nowhere.invalid"]):
        done = subprocess.run(
            [sys.executable, "-m", "serving", *flags],
            cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_reload_under_load_fails_no_request(tmp_path: Path, images: Images, workers: str) -> None:
    """A good file takes over within 2 s everywhere; bad ones are counted, and the old one stays."""
    path = tmp_path / "model.onnx"
    path.write_bytes(build_model(seed=1))
    second = build_model(seed=2)
    failures = 'serving_model_load_failures_total{role="primary"}'
    with serving("--model", str(path), "--workers", workers, "--watch", "0.1") as server:
        before = server.get("/model")["version"]
        with Load(server, images[0]) as load:
            for spoiled in (build_model(spoil_golden=True), build_model(classes=3), second[:999]):
                refused = server.metric(failures)
                replace(path, spoiled)
                eventually(lambda seen=refused: server.metric(failures) > seen, "a refusal")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            assert load.versions == {before}
            replace(path, second)
            eventually(lambda: len(load.versions) == 2, "the new version")
            eventually(
                lambda: {server.get("/model")["version"] for _ in range(10)}.isdisjoint({before}),
                "the new version in every worker",
            )
        assert {answer.status for answer in load.answers} == {200}
        expected = answers(second, images[:1])
        last = server.predict({"images": images[0].tolist()})
        assert np.abs(last.probabilities - expected).max() < 1e-6


def test_a_refused_file_is_not_tried_again(tmp_path: Path) -> None:
    """It is loaded, counted and logged once, however often the server looks; another one is new."""
    path = tmp_path / "model.onnx"
    path.write_bytes(build_model(seed=1))
    failures = 'serving_model_load_failures_total{role="primary"}'
    with serving("--model", str(path), "--watch", "0.05") as server:
        for number, spoiled in enumerate((build_model(spoil_golden=True), build_model(classes=3))):
            replace(path, spoiled)
            eventually(lambda seen=number: server.metric(failures) > seen, "a refusal")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            time.sleep(0.5)
            assert server.metric(failures) == number + 1


def test_a_challenger_stands_beside_the_primary(
    tiny_model: Path, tmp_path: Path, images: Images
) -> None:
    """Both versions are listed and can be asked for; unversioned paths mean the primary."""
    path = tmp_path / "challenger.onnx"
    path.write_bytes(build_model(seed=5))
    with serving("--model", str(tiny_model), "--challenger", str(path)) as server:
        model = server.get("/model")
        versions = [model["version"], model["challenger"]["version"]]
        assert server.get("/v2/models/digits-classifier")["versions"] == versions
        raw = images[:1].tobytes()
        for version, file in zip(versions, (tiny_model, path), strict=True):
            answer = server.ask(
                "POST", f"/predict?version={version}", raw, content_type="application/octet-stream"
            )
            wanted = answers(file.read_bytes(), images[:1])
            assert np.abs(answer.probabilities - wanted).max() < 1e-6
            infer = f"/v2/models/digits-classifier/versions/{version}/infer"
            answer = server.ask("POST", infer, raw, inference_header_content_length="0")
            assert version.encode() in answer.body


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_under_load_answers_everyone(
    tiny_model: Path, images: Images, workers: str
) -> None:
    """Not ready first, while requests are still served; admitted ones are answered; exit 0."""
    flags = ("--model", str(tiny_model), "--workers", workers, "--drain", "1", "--no-access-log")
    with serving(*flags) as server:
        with Load(server, images[0]) as load:
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: server.ask("GET", "/v2/health/ready").status == 503, "not ready")
            assert server.ask("GET", "/v2/health/live").status == 200
            assert server.predict({"images": images[0].tolist()}).status == 200
            assert server.wait() == 0
        assert {answer.status for answer in load.answers} <= {200, 503}
        assert sum(answer.status == 200 for answer in load.answers) > 20


def test_a_pipe_for_a_model_is_refused_at_once(tmp_path: Path) -> None:
    """Nobody writes to it: at the start, and in the place of a model that is served."""
    path = tmp_path / "model.onnx"
    os.mkfifo(path)
    process = start_process("--model", str(path))
    _, log = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "not a regular file" in log
    path.unlink()
    path.write_bytes(build_model())
    with serving("--model", str(path), "--watch", "0.1", "--drain", "0") as server:
        path.unlink()
        os.mkfifo(path)
        failures = 'serving_model_load_failures_total{role="primary"}'
        eventually(lambda: server.metric(failures) == 1, "a refusal")
        assert server.ask("GET", "/v2/health/ready").status == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0


HANGING = """
import sys, threading
from serving.models.sources import FileSource
FileSource.read = lambda self: threading.Event().wait()
from serving.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.soak)])
def test_a_file_that_never_comes_does_not_hold_up_the_end(
    tiny_model: Path, free_port: int, workers: str
) -> None:
    """As on a mount that hangs, where a read returns no more: not ready, and SIGTERM ends it."""
    flags = ("--model", tiny_model, "--port", str(free_port), "--workers", workers)
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, *flags],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    server = Server(process, url=f"http://127.0.0.1:{free_port}")

    def is_loading() -> bool:
        try:
            return server.ask("GET", "/v2/health/ready").status == 503
        except NotAdmittedError:
            return False

    eventually(is_loading, "a server that loads")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.soak)])
def test_sighup_drains_as_sigterm_does(tiny_model: Path, images: Images, workers: str) -> None:
    """Not ready while requests are still served, then exit 0."""
    flags = ("--model", str(tiny_model), "--workers", workers, "--drain", "1", "--no-access-log")
    with hangup(signal.SIG_DFL), serving(*flags) as server:
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.ask("GET", "/v2/health/ready").status == 503, "not ready")
        assert server.predict({"images": images[0].tolist()}).status == 200
        assert server.wait() == 0


@pytest.mark.soak
def test_nohup_is_respected(tiny_model: Path) -> None:
    """Who started the server so that it ignores SIGHUP means it."""
    for workers in ("1", "2"):
        flags = ("--model", str(tiny_model), "--workers", workers)
        with hangup(signal.SIG_IGN), serving(*flags) as server:
            server.process.send_signal(signal.SIGHUP)
            server.process.send_signal(signal.SIGHUP)
            assert server.ask("GET", "/v2/health/ready").status == 200
            assert server.stop() == 0


@contextmanager
def hangup(disposition: signal.Handlers) -> Iterator[None]:
    """What a program that is started inside does at SIGHUP, however the tests were started."""
    before = signal.signal(signal.SIGHUP, disposition)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no socket takes both families here")
@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.soak)])
def test_two_colons_listen_on_both_families(tiny_model: Path, free_port: int, workers: str) -> None:
    """The log shows each client by its own address."""
    flags = ("--model", str(tiny_model), "--port", str(free_port), "--workers", workers)
    process = start_process("--host", "::", *flags)
    server = Server(process, url=f"http://127.0.0.1:{free_port}")
    reader = threading.Thread(target=server.follow)
    reader.start()
    eventually(lambda: any("http://[::]" in line for line in server.log), "the address")
    for host in ("127.0.0.1", "::1"):
        connection = http.client.HTTPConnection(host, free_port, timeout=20)
        connection.request("GET", "/v2/health/ready")
        assert connection.getresponse().status == 200
        connection.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    reader.join(20)
    lines = [json.loads(line) for line in server.log if line.startswith("{")]
    assert sorted(line["client"] for line in lines) == ["127.0.0.1", "::1"]


def test_other_systems_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and status 2."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert main([]) == 2
    assert capsys.readouterr().err == "error: the server runs on Linux only, and this is darwin\n"
