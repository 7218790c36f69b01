"""What pages of other sites may do through a visitor's browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.browsers import browsers
from serving.errors import Forbidden
from tests.serving.live import Server, serving
from tests.serving.wire.raw_http import RawClient

FRIEND = "https://friend.example"
RAW = {"content_type": "application/octet-stream"}


@pytest.fixture(scope="module")
def friendly(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server whose feedback is open, which one other site may call."""
    inbox = tmp_path_factory.mktemp("inbox")
    flags = ("--feedback", str(inbox), "--cors-origins", f"{FRIEND}, http://127.0.0.1:1")
    with serving("--model", str(tiny_model), *flags, SERVING_API_KEY="s3cret") as running:
        yield running


def status_for(server: Server, host: str) -> int:
    with RawClient(server) as client:
        client.send(f"GET /v2 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return client.reply().status


def test_on_loopback_only_its_names_are_served(server: Server) -> None:
    """A name that leads here by another's DNS is refused, with what to do."""
    for name in ("localhost", "LocalHost", "127.0.0.1", "[::1]", "app.localhost"):
        assert status_for(server, name) == status_for(server, f"{name}:8000") == 200
    for name in ("evil.example", "localhost.evil.example", "a", "127.0.0.1.evil.example:80", ""):
        assert status_for(server, name) == 403
    answer = server.ask("GET", "/v2", host="evil.example")
    assert "--allowed-hosts" in answer.json["error"]
    assert server.raw(b"GET /v2 HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200"), "no browser's"


def test_allowed_hosts_replace_them(tiny_model: Path) -> None:
    """Names, all below one, or any."""
    flags = ("--model", str(tiny_model), "--allowed-hosts", "net.example, *.inner.example")
    with serving(*flags) as server:
        names = ("net.example:1", "a.inner.example", "a.b.inner.example")
        assert {status_for(server, name) for name in names} == {200}
        others = ("localhost", "inner.example", "other.example", "anet.example")
        assert {status_for(server, name) for name in others} == {403}


@pytest.mark.parametrize(
    ("hosts", "bound_to", "is_served"),
    [
        ([], "127.0.0.1", False),
        ([], "::1", False),
        ([], "0.0.0.0", True),  # noqa: S104 -- nothing is bound
        ([], "::", True),
        (["*"], "127.0.0.1", True),
    ],
)
def test_another_name_is_refused_on_loopback_alone(
    hosts: list[str], bound_to: str, *, is_served: bool
) -> None:
    """A server in the open has names that it does not know."""
    policy = browsers(hosts, [], bound_to=bound_to)
    if is_served:
        policy.check_host({b"host": b"any.example"})
    else:
        with pytest.raises(Forbidden):
            policy.check_host({b"host": b"any.example"})


def feedback(server: Server, version: str, **headers: str) -> int:
    body = {"image": [[9] * 28] * 28, "label": "3", "version": version}
    key = {"x_api_key": "s3cret", "content_type": "application/json"}
    return server.ask("POST", "/feedback", json.dumps(body).encode(), **(key | headers)).status


def test_no_page_of_another_site_changes_anything(friendly: Server) -> None:
    """Refused by Origin; its own page, a program and the named site are not."""
    version = friendly.ask("GET", "/model", x_api_key="s3cret").json["version"]
    own = f"http://127.0.0.1:{friendly.port}"
    for origin in ("https://evil.example", "null", f"{own}1", "file://", own.replace("http", "x")):
        assert feedback(friendly, version, origin=origin) == 403
    for origin in (own, FRIEND):
        assert feedback(friendly, version, origin=origin) == 200
    assert feedback(friendly, version) == 200
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert feedback(friendly, version, content_type=kind) == 415, "a form's types"


def test_a_named_site_may_call(friendly: Server) -> None:
    """Its browser's question is answered without a key, and its pages may read every reply."""
    asks = {"origin": FRIEND, "access_control_request_method": "POST"}
    answer = friendly.ask("OPTIONS", "/predict", b"", **asks)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert "x-api-key" in answer.headers["access-control-allow-headers"]
    for key, status in (("s3cret", 200), ("wrong", 401)):
        answer = friendly.ask("POST", "/predict", bytes(784), x_api_key=key, origin=FRIEND, **RAW)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, FRIEND)
        assert "origin" in answer.headers["vary"]


def test_other_sites_may_not(friendly: Server, server: Server) -> None:
    """By default nobody; with names, only they."""
    for running, origin in ((friendly, "https://evil.example"), (server, FRIEND)):
        asks = {"origin": origin, "access_control_request_method": "POST"}
        assert running.ask("OPTIONS", "/predict", b"", **asks).status == 405
        answer = running.ask("GET", "/v2", origin=origin)
        assert answer.status == 200
        assert "access-control-allow-origin" not in answer.headers
