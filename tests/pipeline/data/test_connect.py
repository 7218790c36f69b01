"""A host that drops what is sent to it costs seconds, not minutes."""

import contextlib
import socket
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import Request

import pytest

from pipeline.data import connect


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port of loopback whose queue is full: connecting neither succeeds nor is refused."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_connecting_has_its_own_time_out(deaf_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a pause in an answer may be."""
    monkeypatch.setattr(connect, "CONNECT_S", 0.2)
    with pytest.raises(URLError, match="timed out"):
        connect.open_url(Request(f"http://127.0.0.1:{deaf_port}/"), silence_s=600)


def test_a_proxy_of_the_environment_is_used(
    deaf_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is what is connected to: the host's name is never looked up."""
    monkeypatch.setattr(connect, "CONNECT_S", 0.2)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{deaf_port}")
    with pytest.raises(URLError, match="timed out"):
        connect.open_url(Request("https://nowhere.invalid/"), silence_s=600)
