"""Start, reload, drain and death of real server processes."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.serving.live import ROOT, Server, serving, start_process
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
