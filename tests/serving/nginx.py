"""A real nginx on a free loopback port, before a server."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.required import installed
from tests.serving.live import NotAdmittedError, Server

PREFIX = "/digits"
HOST = "models.example.com"  # of the site in deploy/nginx
TEMPORARY = "\n".join(
    f"{kind}_temp_path {kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
_CONFIGURATION = """
daemon off; worker_processes 1; pid nginx.pid; error_log error.log; %(user)s
events {}
http {
    access_log off; %(temporary)s
    client_max_body_size 100m;
    upstream model { server 127.0.0.1:%(behind)d; keepalive 8; keepalive_timeout %(idle)s; }
    server {
        listen 127.0.0.1:%(port)d;
        location %(prefix)s/ {
            proxy_pass http://model/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host localhost;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_next_upstream off;
        }
    }
}
"""


@contextmanager
def nginx_before(server: Server, folder: Path, port: int, *, idle: str = "60s") -> Iterator[Server]:
    """Give who is asked as the server is, under PREFIX; `idle`: how long it keeps a connection.

    A proxy_next_upstream of off shows what it would otherwise hide by asking a second time.
    """
    text = _CONFIGURATION % {
        "user": as_user(),
        "temporary": TEMPORARY,
        "behind": server.port,
        "idle": idle,
        "port": port,
        "prefix": PREFIX,
    }
    with nginx(text, folder, port) as before:
        yield before


def as_user() -> str:
    """Give the line by which workers of a test that runs as root may write into its folder."""
    return "user root;" if Path.home() == Path("/root") else ""


@contextmanager
def nginx(configuration: str, folder: Path, port: int) -> Iterator[Server]:
    """Start it with this text, and give who is asked when it answers."""
    program = installed("nginx", required_by="REQUIRE_NGINX")
    (folder / "nginx.conf").write_text(configuration)
    command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    process = subprocess.Popen(command, text=True)
    try:
        before = Server(process, url=f"http://127.0.0.1:{port}")
        _wait(before)
        yield before
    finally:
        process.terminate()
        process.wait(10)


def _wait(before: Server) -> None:
    for _ in range(200):
        try:
            assert before.ask("GET", f"{PREFIX}/v2/health/live", host=HOST).status == 200
        except NotAdmittedError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx does not listen within 10 s")
