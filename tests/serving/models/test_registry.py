"""Serving models:/name@alias from a real registry: followed, checked, never in the way."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from mlflow import MlflowClient
from numpy.typing import NDArray

from tests.processes import is_alive
from tests.serving.live import Server, serving, start_process
from tests.serving.load import Load, eventually
from tests.serving.onnx_files import build_model, version

Images = NDArray[np.uint8]
NAME = "digits-classifier"
CHAMPION = f"models:/{NAME}@champion"


@dataclass(frozen=True)
class Registry:
    """A store in sqlite, with what `make promote` would have put there."""

    root: Path
    client: MlflowClient

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.root}/mlflow.db"

    def add(self, content: bytes, *, sha256: str | None = None) -> str:
        """Register a version; returns its number."""
        number = len(self.client.search_model_versions()) + 1
        folder = self.root / "artifacts" / str(number)
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(content)
        (folder / "model.card.json").write_text(
            f'{{"model_sha256": "{hashlib.sha256(content).hexdigest()}"}}'
        )
        tags = {"onnx.sha256": sha256 or hashlib.sha256(content).hexdigest()}
        made = self.client.create_model_version(NAME, folder.as_uri(), tags=tags)
        return str(made.version)

    def point(self, alias: str, number: str) -> None:
        self.client.set_registered_model_alias(NAME, alias, number)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    root = tmp_path_factory.mktemp("registry")
    found = Registry(root, MlflowClient(f"sqlite:///{root}/mlflow.db"))
    found.client.create_registered_model(NAME)
    return found


def served(server: Server) -> str:
    found: str = server.get("/model")["version"]
    return found


def test_moved_alias_reaches_a_running_server_without_a_failed_request(
    registry: Registry, images: Images
) -> None:
    """Promotion and rollback, under load; then a broken version, which is refused and counted."""
    first, second = build_model(seed=1), build_model(seed=2)
    one, two = registry.add(first), registry.add(second)
    registry.point("champion", one)
    registry.point("challenger", two)
    challenger = f"models:/{NAME}@challenger"
    flags = ("--model", CHAMPION, "--challenger", challenger, "--workers", "2", "--watch", "0.2")
    with serving(*flags, MLFLOW_TRACKING_URI=registry.uri) as server:
        assert served(server) == version(first)
        assert server.get("/model")["card"]["model_sha256"].startswith(version(first))
        assert server.get("/model")["challenger"]["version"] == version(second)
        loads = 'serving_model_loads_total{role="primary"}'
        with Load(server, images[0]) as load:
            registry.point("champion", two)
            eventually(lambda: server.metric(loads) == 4, "the better one")
            registry.point("champion", one)
            eventually(lambda: server.metric(loads) == 6, "the rollback")
        assert {answer.status for answer in load.answers} == {200}
        assert load.versions == {version(first), version(second)}
        registry.point("champion", registry.add(build_model(seed=3, spoil_golden=True)))
        failures = 'serving_model_load_failures_total{role="primary"}'
        eventually(lambda: server.metric(failures) == 2, "the broken one is refused")
        assert served(server) == version(first)


def test_a_registered_variant_is_served(registry: Registry) -> None:
    """It lies in a folder of the version, as it does beside a file."""
    model = build_model(seed=6)
    variant = build_model(seed=7, more={"variant_of": hashlib.sha256(model).hexdigest()})
    number = registry.add(model)
    folder = registry.root / "artifacts" / number / "variants"
    folder.mkdir()
    (folder / "int8.onnx").write_bytes(variant)
    registry.point("champion", number)
    with serving(
        "--model", CHAMPION, "--variant", "int8", MLFLOW_TRACKING_URI=registry.uri
    ) as server:
        assert served(server) == version(variant)
        assert server.get("/model")["variant_of"] == hashlib.sha256(model).hexdigest()


@pytest.mark.soak
def test_changed_bytes_are_not_served(registry: Registry) -> None:
    """What was evaluated is what is served: another sha256 is refused, the old model stays."""
    good = build_model(seed=4)
    registry.point("champion", registry.add(good))
    flags = ("--model", CHAMPION, "--watch", "0.2")
    with serving(*flags, MLFLOW_TRACKING_URI=registry.uri) as server:
        registry.point("champion", registry.add(build_model(seed=5), sha256="f" * 64))
        eventually(lambda: "registered was fff" in "".join(server.log), "the log says so")
        assert served(server) == version(good)


@pytest.mark.soak
def test_follower_that_dies_is_started_again_and_ends_with_the_server(registry: Registry) -> None:
    """A registry client that crashes costs nothing but time; no orphan is left."""
    one, two = build_model(seed=8), build_model(seed=9)
    registry.point("champion", registry.add(one))
    flags = ("--model", CHAMPION, "--watch", "0.2")
    with serving(*flags, MLFLOW_TRACKING_URI=registry.uri) as server:
        (follower,) = psutil.Process(server.process.pid).children()
        follower.send_signal(signal.SIGKILL)
        registry.point("champion", registry.add(two))
        eventually(lambda: served(server) == version(two), "the new follower brings it")
        (follower,) = psutil.Process(server.process.pid).children()
        os.kill(server.process.pid, signal.SIGKILL)
        eventually(lambda: not is_alive(follower), "it ends with the server")


@pytest.mark.parametrize(
    ("address", "uri", "words"),
    [
        (f"models:/{NAME}@nobody", None, "cannot be found"),
        ("models:/a/b/c", None, "give models:/NAME@ALIAS"),
        (CHAMPION, "", "MLFLOW_TRACKING_URI is not set"),
    ],
)
def test_address_that_leads_nowhere_stops_the_start(
    registry: Registry, tmp_path: Path, address: str, uri: str | None, words: str
) -> None:
    """One line, a status that is not 0, in seconds."""
    start_s = time.monotonic()
    uri = registry.uri if uri is None else uri
    process = start_process("--model", address, folder=tmp_path, MLFLOW_TRACKING_URI=uri)
    _, log = process.communicate(timeout=60)
    assert process.returncode != 0
    assert words in log
    assert len(log.splitlines()) == 1
    assert time.monotonic() - start_s < 60


def test_the_server_itself_never_imports_mlflow() -> None:
    """Its memory and its pauses stay its own: the client lives in another process."""
    code = "import sys, serving.server, serving.models.mirror; print('mlflow' in sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False"
