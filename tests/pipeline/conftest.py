"""A real tracking store in a temporary folder, and a mirror on loopback that fails as asked."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.tracking import store as tracking


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed git repository with the project's params.yaml, as the current folder."""
    root = tmp_path / "repository"
    root.mkdir()
    params = Path(__file__).parents[2] / "params.yaml"
    (root / "params.yaml").write_text(params.read_text())
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Start")
    monkeypatch.chdir(root)
    for variable in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_STAGE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking database without runs, made once: its migrations take seconds."""
    root = tmp_path_factory.mktemp("empty")
    tracking.open_store(root)
    return root / "mlflow.db"


@pytest.fixture
def store(repository: Path, empty_database: Path) -> tracking.Store:
    """A fresh sqlite store at the root of `repository`."""
    shutil.copy(empty_database, repository)
    return tracking.open_store(repository)


class MirrorServer(ThreadingHTTPServer):
    """Serves `files` by path; `faults` says, request by request, what goes wrong with a path.

    drop: half of what was announced; stall: the same, and then silence; short: half of the file,
    well announced; wrong: other bytes; html: a page; mute: silence; deaf: no ranges; or a status.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MirrorHandler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = {}
        self.requests: list[tuple[str, str | None]] = []  # (path, Range)
        self.closing = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class MirrorHandler(BaseHTTPRequestHandler):
    server: MirrorServer

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append((self.path, wanted))
        planned = server.faults.get(self.path, [])
        fault = planned.pop(0) if planned else ""
        content = server.files.get(self.path)
        if fault == "mute":
            server.closing.wait()
        elif fault.isdigit() or content is None:
            self.send_error(int(fault or "404"))
        else:
            self.answer(content, fault, int(wanted[6:-1]) if wanted and fault != "deaf" else 0)

    def answer(self, content: bytes, fault: str, start: int) -> None:
        if start > len(content):
            self.send_error(416)
            return
        match fault:
            case "html":
                content = b"<!DOCTYPE html><title>Please log in</title>"
            case "wrong":
                content = bytes(byte ^ 255 for byte in content)
            case "short":
                content = content[: len(content) // 2]
        body = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        broken = fault in ("drop", "stall")
        self.wfile.write(body[: len(body) // 2] if broken else body)
        if fault == "stall":
            self.wfile.flush()
            self.server.closing.wait()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass


@pytest.fixture
def mirror() -> Iterator[MirrorServer]:
    server = MirrorServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()
