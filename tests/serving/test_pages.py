"""The documents: complete, small, and of this server alone."""

import re
from pathlib import Path

import pytest

from serving.counts.sheet import Recorder, Sheet
from serving.create import create_app
from serving.keys import Keys
from serving.models.lineup import Lineup
from serving.operations.health import Health
from serving.settings import Settings
from serving.wire.budget import Budget
from tests.serving.live import Server

FOLDER = Path(__file__).parents[2] / "serving" / "page"


def test_openapi_lists_exactly_the_paths_there_are(server: Server) -> None:
    """Neither forgotten nor promised: the routes and the document are the same set."""
    sheet = Sheet(1)
    lineup = Lineup()
    app = create_app(Settings(), lineup, Health(sheet), Recorder(sheet, 0), None, Budget(1), Keys())
    found = {
        (path, method) for path, route in app.routes.all() for method in route.handlers
        if path != "/" and not path.startswith("/page/")
    }  # fmt: skip
    paths = server.get("/openapi.json")["paths"]
    assert found == {
        (path, method.upper()) for path, methods in paths.items() for method in methods
    }


def test_the_docs_page_loads_nothing_from_elsewhere(server: Server) -> None:
    """At most 50 KB, strict policy, every reference answered by this server."""
    answer = server.ask("GET", "/docs")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    text = answer.body.decode()
    size = len(answer.body)
    for reference in re.findall(r'(?:href|src)="([^"]+)"', text):
        part = server.ask("GET", reference)
        assert part.status == 200
        size += 0 if reference == "/openapi.json" else len(part.body)
        assert b"://" not in part.body
    assert size <= 50_000


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_a_browser_that_has_a_page_is_told_so(server: Server, path: str) -> None:
    """304 without a body, on a connection that goes on."""
    tag = server.ask("GET", path).headers["etag"]
    answer = server.ask("GET", path, if_none_match=tag)
    assert (answer.status, answer.body) == (304, b"")
