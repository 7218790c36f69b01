"""Metrics, model card, keys and the access log on real servers."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.serving.live import Server, serving
from tests.serving.load import eventually

Images = NDArray[np.uint8]
RAW = {"content_type": "application/octet-stream"}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_metrics_add_up_whichever_worker_answers(
    tiny_model: Path, images: Images, workers: str
) -> None:
    """Requests, images, classes, confidence and refusals: every number accounted for."""
    flags = ("--model", str(tiny_model), "--workers", workers, "--no-access-log")
    with serving(*flags) as server:
        for count in (1, 2, 3, 64):
            server.ask("POST", "/predict", images[:count].tobytes(), **RAW)
        server.ask("POST", "/predict", b"short", **RAW)
        server.raw(b"nonsense\r\n\r\n")
        counted = 'serving_confidence_count{role="primary"}'  # the last that is, after the replies
        eventually(lambda: server.metric(counted) == 70, "all images are counted")
        assert server.metric('serving_requests_total{route="/predict",status="200"}') == 4
        assert server.metric('serving_requests_total{route="/predict",status="400"}') == 1
        assert server.metric('serving_refused_total{status="400"}') == 2
        assert server.metric('serving_images_total{role="primary"}') == 70
        assert server.metric('serving_batch_images_sum{role="primary"}') == 70
        assert server.metric('serving_request_seconds_count{route="/predict"}') == 5
        text = server.ask("GET", "/metrics").body.decode()
        classes = [line for line in text.splitlines() if line.startswith("serving_predicted")]
        assert sum(float(line.split()[-1]) for line in classes) == 70
        version = server.get("/model")["version"]
        sample = f'serving_model_version{{role="primary",version="{version}"}}'
        assert server.metric(sample) == int(workers)


def test_metrics_are_well_formed(server: Server) -> None:
    """Each family has its help and type, each sample a number; buckets never fall."""
    answer = server.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    previous: tuple[str, float] = ("", 0.0)
    for line in answer.body.decode().splitlines():
        if line.startswith("#"):
            continue
        name, value = line.rsplit(" ", 1)
        family = name.partition("le=")[0]
        if "_bucket" in name and previous[0] == family:
            assert float(value) >= previous[1]
        previous = (family, float(value))


def test_the_card_is_shown_for_its_own_model_only(tiny_model: Path, tmp_path: Path) -> None:
    """Facts always; the card where the sidecar belongs to the file; else it says so."""
    path = tmp_path / "model.onnx"
    shutil.copy(tiny_model, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    card = tmp_path / "model.card.json"
    with serving("--model", str(path)) as server:
        model = server.get("/model")
        assert model["sha256"] == sha256
        assert model["version"] == sha256[:12]
        assert model["statistics"]["mean"] == [0.13]
        assert "absent" in model["card"]
        card.write_text(json.dumps({"model_sha256": sha256, "metrics": {"accuracy": 0.99}}))
        assert server.get("/model")["card"]["metrics"] == {"accuracy": 0.99}
        for other in ('{"model_sha256": "0"}', "{}", "[]", "{"):
            card.write_text(other)
            assert "absent" in server.get("/model")["card"]


def test_a_key_guards_what_costs_or_tells(tiny_model: Path, images: Images) -> None:
    """Inference, metrics and model need it; health and documents do not."""
    with serving("--model", str(tiny_model), SERVING_API_KEY="s3cret") as server:
        guarded = [("GET", "/metrics"), ("GET", "/model"), ("POST", "/predict")]
        guarded += [("POST", "/invocations"), ("POST", "/v2/models/digits-classifier/infer")]
        for method, path in guarded:
            for headers in ({}, {"x_api_key": "wrong"}, {"authorization": "Bearer s3cre"}):
                answer = server.ask(method, path, b"", **headers)
                assert (answer.status, set(answer.json)) == (401, {"error"})
        right: list[dict[str, str]] = [{"x_api_key": "s3cret"}, {"authorization": "bearer s3cret"}]
        for headers in right:
            raw = images[:1].tobytes()
            assert server.ask("POST", "/predict", raw, **(RAW | headers)).status == 200
        for path in ("/v2", "/v2/health/ready", "/ping", "/openapi.json", "/docs"):
            assert server.ask("GET", path).status == 200
        assert "s3cret" not in "".join(server.log)


def test_the_access_log_is_one_json_line_a_request(tiny_model: Path) -> None:
    """Also for bytes that never were a request; escaped, so that nobody forges a line."""
    with serving("--model", str(tiny_model)) as server:
        server.ask("GET", "/v2/%0a%22forged")
        server.raw(b"nonsense\r\n\r\n")
        server.stop()
        lines = [json.loads(line) for line in server.log if line.startswith("{")]
    assert [line["status"] for line in lines] == [404, 400]
    assert lines[0]["path"] == '/v2/\n"forged'
    assert lines[0]["client"] == "127.0.0.1"


def test_metrics_name_the_model_and_weigh_the_processes(tiny_model: Path, images: Images) -> None:
    """Role and name on every number of a model; `process_…` of all workers together."""
    with serving("--model", str(tiny_model), "--workers", "2", "--no-access-log") as server:
        server.ask("POST", "/predict", images[:3].tobytes(), **RAW)
        own = 'role="primary",model="digits-classifier"'
        eventually(lambda: server.metric(f"serving_images_total{{{own}}}") == 3, "three images")
        assert server.metric(f"serving_queue_seconds_count{{{own}}}") == 1
        assert server.metric(f"serving_run_seconds_count{{{own}}}") == 1
        text = server.ask("GET", "/metrics").body.decode()
        of_models = [line for line in text.splitlines() if 'role="primary"' in line]
        assert all('model="digits-classifier"' in line for line in of_models)
        assert server.metric("process_resident_memory_bytes") > 2 * 20e6
        assert server.metric("process_cpu_seconds_total") > 0
        assert 10 < server.metric("process_open_fds") < server.metric("process_max_fds")
