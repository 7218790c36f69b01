"""The images, built and run for real: little rights, answers, health, an end without a loss."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.running import free_port
from serving import __version__
from tests.deploy.engine import BASE, Engine, tag
from tests.drill.__main__ import drill
from tests.drill.client import Subject, Target
from tests.end_to_end.project import checkout, wait_for
from tests.serving.load import Load, eventually
from tests.serving.onnx_files import answers, build_model

pytestmark = pytest.mark.soak
MOST_BYTES = 300_000_000  # of the server's image over its base


@pytest.fixture(scope="module")
def server_image(engine: Engine) -> str:
    """Build the server's image."""
    engine.build("serving")
    return tag("serving")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder that anybody may read, with one model."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "model.onnx").write_bytes(build_model())
    folder.chmod(0o755)
    return folder


def test_the_server_answers_and_ends_with_few_rights(
    engine: Engine, server_image: str, models: Path
) -> None:
    """A root that cannot be written, no capabilities, 512 MB; SIGTERM under load loses nothing."""
    image = np.random.default_rng(3).integers(0, 256, (1, 28, 28)).astype(np.uint8)
    with engine.serving(models, "--drain=5", "--no-access-log") as (server, name):
        _has_few_rights(engine, name)
        expected = answers((models / "model.onnx").read_bytes(), image[None])
        found = server.predict({"images": image.tolist()}).probabilities
        assert np.abs(found - expected).max() < 1e-6
        health = ("podman", "healthcheck", "run", name)
        assert engine.run(*health).returncode == 0
        with Load(server, image) as load:
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: server.ask("GET", "/v2/health/ready").status == 503, "not ready")
            assert engine.run(*health, check=False).returncode == 1
            assert server.predict({"images": image.tolist()}).status == 200
            assert server.wait() == 0
        assert {answer.status for answer in load.answers} <= {200, 503}
        assert sum(answer.status == 200 for answer in load.answers) > 20
        said = [line for line in server.log if "systemd" not in line]  # podman's own complaints
        assert len(said) == 1, said  # onnxruntime's telemetry complains of what it cannot write
    _says_what_it_is(engine.inspect(server_image), base=engine.inspect(BASE))


def _has_few_rights(engine: Engine, name: str) -> None:
    """What the kernel says of the server's process, and what lies in its file system."""
    status = engine.podman("exec", name, "cat", "/proc/1/status")
    for line in ("CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "Uid:\t10001"):
        assert line in status
    touched = engine.run("podman", "exec", name, "touch", "/tmp/file", check=False)  # noqa: S108 -- in there
    assert "Read-only file system" in touched.stderr
    program = (
        "import json, importlib.metadata as m; "
        "print(json.dumps([one.name for one in m.distributions()]))"
    )
    packages = json.loads(engine.podman("exec", name, "python", "-c", program))
    assert "onnxruntime" in packages
    assert not {"torch", "lightning", "mlflow", "dvc", "pip"}.intersection(packages)


def _says_what_it_is(image: dict[str, Any], *, base: dict[str, Any]) -> None:
    assert image["Size"] - base["Size"] < MOST_BYTES
    assert image["Config"]["User"] == "10001:10001"
    labels = image["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == __version__
    assert len(labels["org.opencontainers.image.revision"]) == 40


@pytest.mark.soak_all
def test_nothing_on_the_drills_list_hurts_the_container(
    engine: Engine, server_image: str, models: Path
) -> None:
    """With two workers, as little memory and as few rights as before."""
    flags = ("--workers=2", "--header-timeout=1", "--body-timeout=1", "--idle-timeout=2")
    with engine.serving(models, *flags, "--no-access-log") as (server, _):
        findings = list(drill(Subject.behind(Target.at(server.url)), 20))
    assert len(findings) >= 100
    assert [one for one in findings if not one.is_right] == []
    assert server_image


@pytest.mark.soak_all
def test_the_tracking_server_answers(engine: Engine) -> None:
    """Its own health check, without PostgreSQL: the store is a file in memory."""
    engine.build("mlflow")
    port = free_port()
    command = (
        *("podman", "run", "--detach", "--name=mlflow", "--network=host", "--read-only"),
        *("--cap-drop=all", "--security-opt=no-new-privileges", tag("mlflow")),
        *("mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"),
        *("--backend-store-uri=sqlite:////tmp/mlflow.db", "--artifacts-destination=/tmp/artifacts"),
    )
    engine.run(*command)
    ready = ("podman", "exec", "mlflow", "python", "/opt/ready.py", "/health", port)
    wait_for(lambda: engine.run(*ready, check=False).returncode == 0)
    assert engine.inspect(tag("mlflow"))["Healthcheck"]["Test"][-2:] == [
        "/health",
        "5000",
    ]
    engine.podman("rm", "--force", "mlflow")


@pytest.mark.soak_all
def test_the_training_image_runs_the_pipeline(engine: Engine, tmp_path: Path) -> None:
    """`convnet repro` on a mounted checkout, as the image's own user: a model, an evaluation."""
    engine.build("training")
    project = checkout(tmp_path / "checkout")
    owned = ("chown", "--recursive", "10001:10001", project.root)
    engine.run(*owned)
    command = (
        *("podman", "run", "--rm", "--network=host", "--cap-drop=all"),
        *("--security-opt=no-new-privileges", f"--volume={project.root}:/work"),
    )
    done = engine.run(*command, tag("training"))
    assert "test accuracy" in done.stdout + done.stderr
    assert (project.root / "models/model.onnx").exists()
