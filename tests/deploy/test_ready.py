"""The images' health check, against a server on this machine."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.serving.live import ROOT, serving
from tests.serving.load import eventually


def ready(port: int) -> subprocess.CompletedProcess[str]:
    """Run it as a container does."""
    command = [sys.executable, str(ROOT / "deploy/ready.py"), "/v2/health/ready", str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_a_server_is_ready_until_it_drains(tiny_model: Path) -> None:
    """Also where --allowed-hosts names none of this machine's names."""
    flags = ("--allowed-hosts", "models.example.com", "--drain", "30", "--no-access-log")
    with serving("--model", str(tiny_model), *flags) as server:
        assert ready(server.port).returncode == 0
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: ready(server.port).returncode == 1, "not ready")


def test_where_nobody_listens_is_not_ready(free_port: int) -> None:
    """One line, and no traceback."""
    done = ready(free_port)
    assert done.returncode == 1
    assert done.stderr.startswith("not ready: ")
    assert len(done.stderr.splitlines()) == 1
