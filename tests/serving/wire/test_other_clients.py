"""Clients that offer HTTP/2 with their first request, and send a body behind the offer."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.required import installed
from tests.serving.live import Server

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
POST = Path(__file__).with_name("Post.java")


def rows(body: str) -> Probabilities:
    found = [list(one["probabilities"].values()) for one in json.loads(body)["predictions"]]
    return np.array(found, np.float32)


@pytest.mark.parametrize("count", [64, pytest.param(1, marks=pytest.mark.soak)])
def test_java_can_post(
    server: Server, images: Images, expected: Probabilities, tmp_path: Path, count: int
) -> None:
    """java.net.http.HttpClient with its defaults: with a length, in chunks, and once more."""
    java = installed("java", required_by="REQUIRE_JAVA")
    body = tmp_path / "images"
    body.write_bytes(images[:count].tobytes())
    done = subprocess.run(
        [java, "-XX:TieredStopAtLevel=1", POST, f"{server.url}/predict", body],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["200", "HTTP_1_1"]] * 3
    for line in lines:
        assert np.abs(rows(line.split(maxsplit=2)[2]) - expected[:count]).max() < 1e-6


@pytest.mark.parametrize("count", [1, 64])
def test_curl_can_post_with_http2_offered(
    server: Server, images: Images, expected: Probabilities, tmp_path: Path, count: int
) -> None:
    """`curl --http2` with a body, twice on one connection."""
    curl = installed("curl", required_by="REQUIRE_CURL")
    body = tmp_path / "images"
    body.write_bytes(images[:count].tobytes())
    url = f"{server.url}/predict"
    fields = ("-H", "Content-Type: application/octet-stream", "--data-binary", f"@{body}")
    done = subprocess.run(
        [curl, "-sS", "--http2", *fields, url, "-w", "\n", url, "-w", "\n"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found = [rows(line) for line in done.stdout.splitlines()]
    assert len(found) == 2
    assert np.abs(np.array(found) - expected[:count]).max() < 1e-6
