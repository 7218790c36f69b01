"""Triton's extensions configuration, statistics and repository index, asked by tritonclient."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from numpy.typing import NDArray

from tests.serving.live import Server, serving
from tests.serving.load import eventually

MODEL = "digits-classifier"
Images = NDArray[np.uint8]


@pytest.fixture
def client(server: Server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as connected:
        yield connected


def test_the_configuration(client: triton.InferenceServerClient, server: Server) -> None:
    """Shapes of one image, and the largest batch that the metadata allows."""
    found = client.get_model_config(MODEL)
    version = server.get("/model")["version"]
    assert found == client.get_model_config(MODEL, version)
    assert found["input"] == [{"name": "images", "data_type": "TYPE_UINT8", "dims": [1, 28, 28]}]
    assert found["output"] == [{"name": "probabilities", "data_type": "TYPE_FP32", "dims": [10]}]
    assert found["max_batch_size"] == server.get(f"/v2/models/{MODEL}")["parameters"]["max_batch"]
    assert server.ask("GET", "/v2/models/other/config").status == 404


def test_familiarity_is_a_number_of_each_image(judge_model: Path) -> None:
    """Triton has no output without axes in a batch: its one is taken away."""
    with serving("--model", str(judge_model), "--no-access-log") as server:
        second = server.get(f"/v2/models/{MODEL}/config")["output"][1]
    assert second["name"] == "familiarity"
    assert (second["dims"], second["reshape"]) == ([1], {"shape": []})


def test_the_index(client: triton.InferenceServerClient, server: Server) -> None:
    """Everyone who is served is ready; another question is refused."""
    entry = {"name": MODEL, "version": server.get("/model")["version"]}
    wanted = [{**entry, "state": "READY", "reason": ""}]
    assert client.get_model_repository_index() == wanted
    assert server.ask("POST", "/v2/repository/index", b'{"ready":true}').json == wanted
    for body in (b"[]", b'{"ready":1}', b'{"name":"x"}', b"\xff", b"[" * 100_000):
        assert server.ask("POST", "/v2/repository/index", body).status == 400


def durations(stats: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {name: (one["count"], one["ns"]) for name, one in stats["inference_stats"].items()}


def test_the_statistics(tiny_model: Path, images: Images) -> None:
    """Three requests of six images in all, and one that could never be answered in time."""
    with serving("--model", str(tiny_model), "--workers", "2", "--no-access-log") as server:
        for count in (1, 2, 3):
            body = images[:count].tobytes()
            server.ask("POST", "/predict", body, content_type="application/octet-stream")
        late = server.ask(
            "POST", "/predict", images.tobytes(),
            content_type="application/octet-stream", x_request_timeout="0.000001",
        )  # fmt: skip
        assert late.status in {413, 504}
        eventually(
            lambda: (
                server.get(f"/v2/models/{MODEL}/stats")["model_stats"][0]["inference_count"] == 6
            ),
            "six images",
        )
        with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
            found = client.get_inference_statistics(MODEL)
            assert client.get_inference_statistics() == found
        (one,) = found["model_stats"]
        assert one["execution_count"] == 3
        assert (one["name"], one["version"]) == (MODEL, server.get("/model")["version"])
        times = durations(one)
        assert times["success"][0] == times["queue"][0] == times["compute_infer"][0] == 3
        assert abs(times["success"][1] - times["queue"][1] - times["compute_infer"][1]) <= 2
        assert times["compute_infer"][1] > 0
        assert times["fail"] == (64, 0)
        assert server.ask("GET", "/v2/models/other/stats").status == 404


def test_the_key_guards_the_statistics(tiny_model: Path) -> None:
    """As it guards the metrics; what a client must know beforehand stays open."""
    with serving("--model", str(tiny_model), "--no-access-log", "--api-key", "k") as server:
        for path in (f"/v2/models/{MODEL}/stats", "/v2/models/stats"):
            assert server.ask("GET", path).status == 401
            assert server.ask("GET", path, x_api_key="k").status == 200
        assert server.ask("GET", f"/v2/models/{MODEL}/config").status == 200
