"""Debian's container tools with a store of their own: no daemon, no registry, no systemd.

The base image is made from the packages of the Debian that this runs on, and images are built by
`make images`, as anybody would.
"""

import json
import os
import platform
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.running import free_port
from serving import __version__
from tests.required import installed, lacking
from tests.serving.live import Server

ROOT = Path(__file__).parents[2]
REQUIRED_BY = "REQUIRE_CONTAINERS"
BASE = "localhost/base"
CERTIFICATES = "/etc/ssl/certs"
_PROGRAMS = ("buildah", "podman", "runc", "mmdebstrap")
_CONTAINERS = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_STORAGE = """
[storage]
driver = "vfs"
graphroot = "{folder}/store"
runroot = "{folder}/run"
"""
LOCKED_DOWN = (
    *("--read-only", "--read-only-tmpfs=false", "--cap-drop=all"),
    *("--security-opt=no-new-privileges", "--memory=512m", "--pids-limit=256"),
)  # the store's own seccomp profile comes by default


@dataclass(frozen=True)
class Engine:
    """podman and buildah on a store in `folder`."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
        }

    def run(self, *command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
        return done

    def podman(self, *arguments: object) -> str:
        return self.run("podman", *arguments).stdout

    def inspect(self, image: str) -> dict[str, Any]:
        (found,) = json.loads(self.podman("image", "inspect", image))
        assert isinstance(found, dict)
        return found

    def build(self, image: str) -> None:
        """`make images` with one of them, on the local base."""
        flags = ["--isolation chroot --network host --format docker"]  # OCI knows no health check
        flags.append(f"--volume {CERTIFICATES}:{CERTIFICATES}:ro")
        flags.append(f"--build-arg PIP_CERT={CERTIFICATES}/ca-certificates.crt")
        if index := os.environ.get("PIP_INDEX_URL"):
            flags.append(f"--build-arg PIP_INDEX_URL={index}")
        self.run("make", "images", "ENGINE=buildah", f"IMAGES={image}", f"BASE={BASE}",
                 f"BUILD_FLAGS={' '.join(flags)}")  # fmt: skip

    @contextmanager
    def serving(
        self, models: Path, *arguments: str, flags: tuple[str, ...] = LOCKED_DOWN
    ) -> Iterator[tuple[Server, str]]:
        """Give a running container of the server, and its name; `models` is its /models."""
        name = f"serving-{uuid.uuid4().hex[:8]}"
        command = ["podman", "run", "--rm", f"--name={name}", "--network=host", *flags]
        command += [f"--volume={models}:/models:ro", "--env=SERVING_HOST=127.0.0.1"]
        command += [f"--env=SERVING_PORT={free_port()}", tag("serving"), *arguments]
        process = subprocess.Popen(
            command, env=self.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip
        server = Server(process)
        try:
            server.wait_for_address()
            yield server, name
        finally:
            server.stop()
            self.run("podman", "rm", "--force", "--ignore", name)

    def clean(self) -> None:
        """End what still runs, so that the folder can be removed."""
        self.run("podman", "rm", "--all", "--force", check=False)


def tag(image: str) -> str:
    return f"localhost/convnet-{image}:{__version__}"


def started(folder: Path) -> Engine:
    """Give an engine with a base image; skips or fails where the machine lacks the tools."""
    for program in _PROGRAMS:
        installed(program, required_by=REQUIRED_BY)
    if os.getuid() != 0:
        lacking("the containers need root here", required_by=REQUIRED_BY)
    (folder / "containers.conf").write_text(_CONTAINERS)
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    engine = Engine(folder)
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    wanted = ("Created-By: Packages", f"Codename: {release}", "Component: main")
    mirrors = engine.run("apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted).stdout
    archive, packages = folder / "base.tar", "python3,python3-venv,ca-certificates"
    engine.run(
        *("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={packages}"),
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")),
        *(release, archive, mirrors.splitlines()[0]),
    )
    engine.podman("import", archive, BASE)
    archive.unlink()
    return engine
