"""The example of deploy/nginx, as it stands, in a real nginx before a server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.settings import Settings
from tests.serving.live import ROOT, Server, serving
from tests.serving.nginx import HOST, PREFIX, TEMPORARY, as_user, nginx

EXAMPLE = (ROOT / "deploy/nginx/serving.conf").read_text()
RAW = {"content_type": "application/octet-stream", "host": HOST}


@pytest.fixture
def pair(tiny_model: Path, tmp_path: Path, free_port: int) -> Iterator[tuple[Server, Server]]:
    """Give nginx, and the server behind it, started as the example says."""
    flags = re.findall(r"--trusted-proxy \S+|--allowed-hosts [\w.]+", EXAMPLE)
    arguments = [word for flag in flags for word in flag.split()]
    with serving("--model", str(tiny_model), *arguments) as server:
        site = EXAMPLE.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
        site = site.replace("listen 80;", f"listen 127.0.0.1:{free_port};")
        main = f"daemon off; pid nginx.pid; {as_user()} events {{}} http {{ access_log off;"
        with nginx(f"{main} {TEMPORARY}\n{site}\n}}", tmp_path, free_port) as before:
            yield before, server


def test_page_documents_and_predictions_below_the_prefix(pair: tuple[Server, Server]) -> None:
    """Every link of the page and of /docs leads somewhere; the log has the client."""
    before, server = pair
    assert before.ask("GET", PREFIX, host=HOST).headers["location"] == f"{PREFIX}/"
    for page in ("/", "/docs"):
        shown = before.ask("GET", f"{PREFIX}{page}", host=HOST)
        assert shown.status == 200
        links = re.findall(r'(?:src|href)="([^"#:]+)"', shown.body.decode())
        assert links
        for link in links:
            assert before.ask("GET", f"{PREFIX}/{link}", host=HOST).status == 200, link
    asked = before.ask(
        "POST", f"{PREFIX}/predict", bytes(784), x_forwarded_for="203.0.113.9", **RAW
    )
    assert asked.status == 200
    server.stop()
    lines = [json.loads(line) for line in server.log if line.startswith("{")]
    (line,) = (one for one in lines if one["path"] == "/predict")
    assert line["client"] == "203.0.113.9"


def test_the_site_keeps_what_is_not_for_everybody(pair: tuple[Server, Server]) -> None:
    """Metrics are for inside; bodies over the server's limit do not get to it."""
    before, server = pair
    assert before.ask("GET", f"{PREFIX}/metrics", host=HOST).status == 403
    assert server.ask("GET", "/metrics", host=HOST).status == 200
    large = bytes(Settings().body_limit + 1)
    assert before.ask("POST", f"{PREFIX}/predict", large, **RAW).status == 413


def test_its_times_fit_those_of_the_server() -> None:
    """Nginx closes a kept connection first, and waits for an answer longer."""
    settings = Settings()
    limits = re.findall(
        r"(client_max_body_size|keepalive_timeout|proxy_read_timeout) (\d+)", EXAMPLE
    )
    given = {name: int(value) for name, value in limits}
    assert given["keepalive_timeout"] < settings.idle_timeout
    assert given["proxy_read_timeout"] > settings.deadline
    assert given["client_max_body_size"] << 20 == settings.body_limit
