"""Servers with a gRPC port."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.live import Server, serving


@pytest.fixture(scope="module")
def rpc(tiny_model: Path) -> Iterator[Server]:
    """One server with the tiny model, shared by tests that leave it as it was."""
    with serving("--model", str(tiny_model), "--no-access-log", "--grpc-port", "0") as running:
        yield running
