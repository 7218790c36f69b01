"""The drill finds nothing wrong with this server, and says so when something is."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.live import ROOT, Server, serving


def drill(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.drill", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("key", ["", "sesame"])
def test_nothing_on_the_list_hurts_the_server(tiny_model: Path, key: str) -> None:
    """Every blow gets its stated answer; the table has a line for each, and the status is 0."""
    flags = ("--header-timeout", "1", "--body-timeout", "1", "--idle-timeout", "2")
    variables = {"SERVING_API_KEY": key} if key else {}
    with serving("--model", str(tiny_model), "--no-access-log", *flags, **variables) as server:
        done = drill(server.url, "--patience", "20", "--api-key", key)
    assert "WRONG" not in done.stdout
    assert "0 deviations" in done.stdout
    assert done.stdout.count(" ok\n") >= 100
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_deviation_is_marked_and_the_status_is_1(server: Server) -> None:
    """Deadlines of minutes do not come within half a second."""
    done = drill(server.url, "--patience", "0.5")
    assert done.returncode == 1
    assert done.stdout.count("WRONG") == 3
    assert "still open after 0.5 s" in done.stdout


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://127.0.0.1:9", "refused"), ("ftp://there", "give one like http://127.0.0.1:8000")],
)
def test_what_cannot_be_drilled_is_status_2(url: str, words: str) -> None:
    """One line that says why."""
    done = drill(url)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
