"""The team's path: MLflow server before a real PostgreSQL, where Debian's package is installed."""

import os
import pwd
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import yaml  # type: ignore[import-untyped]  # stubs are not among the tools
from mlflow import MlflowClient

from benchmarks.running import free_port
from pipeline.search.study import Place, fill
from tests.end_to_end.project import BIN, ROOT, Project, sha256, wait_for
from tests.required import lacking
from tests.serving.live import serving

pytestmark = pytest.mark.soak

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def as_somebody(*command: object) -> list[str]:
    """PostgreSQL does not run as root."""
    words = [str(word) for word in command]
    return ["runuser", "-u", "postgres", "--", *words] if os.getuid() == 0 else words


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Host and port of a cluster of its own, with the compose file's user and empty database."""
    if not BINARIES:
        lacking(
            "PostgreSQL is not installed: apt-get install postgresql",
            required_by="REQUIRE_POSTGRESQL",
        )
    folder = Path("/tmp") / f"pg-{os.getpid()}"  # noqa: S108 - short: sockets lie in it
    folder.mkdir(mode=0o700)
    if os.getuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    port, data = free_port(), folder / "data"
    initdb = as_somebody(BINARIES[-1] / "initdb", "-D", data, "-U", "mlflow", "--auth=trust", "-N")
    subprocess.run(initdb, check=True, capture_output=True, cwd="/")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = BINARIES[-1] / "pg_ctl"
    start = as_somebody(control, "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
    subprocess.run(start, check=True, stdout=subprocess.DEVNULL, cwd="/")
    create = as_somebody(
        BINARIES[-1] / "createdb", "-h", "127.0.0.1", "-p", port, "-U", "mlflow", "mlflow"
    )
    subprocess.run(create, check=True, cwd="/")
    yield f"127.0.0.1:{port}"
    stop = as_somebody(control, "-D", data, "-m", "immediate", "-w", "stop")
    subprocess.run(stop, check=True, stdout=subprocess.DEVNULL, cwd="/")
    shutil.rmtree(folder)


@contextmanager
def tracking_server(database: str, folder: Path) -> Iterator[str]:
    """Start what the compose file starts in its container, on a port and in a folder of our own."""
    port = free_port()
    folder.mkdir()
    host = f"127.0.0.1:{port}"
    composed = yaml.safe_load(
        interpolated(
            (ROOT / "deploy/compose.yaml").read_text(),
            POSTGRES_PASSWORD="secret",  # noqa: S106 - the cluster trusts everybody
            ARTIFACTS=str(folder / "artifacts"),
            MLFLOW_HOSTS=host,
        )
        .replace("@database/", f"@{database}/")
        .replace("--host=0.0.0.0", "--host=127.0.0.1")
        .replace("--port=5000", f"--port={port}")
    )
    service = composed["services"]["mlflow"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [BIN / service["command"][0], *service["command"][1:]],
            cwd=folder,
            env={**os.environ, **service["environment"]},
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        url = f"http://{host}"
        try:
            wait_for(lambda: answers(f"{url}/health"))
            yield url
        finally:
            os.killpg(process.pid, 15)


def interpolated(text: str, **variables: str) -> str:
    """Put the variables in, as compose does."""
    return re.sub(r"\$\{(\w+)(?::[-?][^}]*)?\}", lambda found: variables[found[1]], text)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback
            return True
    except OSError:
        return False


def test_runs_registry_and_serving_through_postgresql(
    finished_project: Project, tmp_path: Path, database: str
) -> None:
    """A model restored from the cache gets its run, is promoted, served, rolled back, traced."""
    with tracking_server(database, tmp_path / "server") as url:
        project = replace(
            finished_project,
            environment=finished_project.environment | {"MLFLOW_TRACKING_URI": url},
        )
        project.run("dvc", "repro", "--force", "--single-item", "evaluate")
        said = project.run("python", "-m", "pipeline.lifecycle.promotion")
        assert "version 1 is the champion" in said
        name = "digits-classifier"
        version = sha256(project, "models/model.onnx")[:12]
        with serving("--model", f"models:/{name}@champion", MLFLOW_TRACKING_URI=url) as server:
            assert server.get("/model")["version"] == version
            assert server.get("/model")["card"]["model_sha256"].startswith(version)
        traced = project.run("python", "-m", "pipeline.lifecycle.lineage", version)
        assert f"models:/{name}/1 @champion" in traced
        refused = project.run("python", "-m", "pipeline.lifecycle.rollback", check=False)
        assert "is the first champion" in refused
        (run,) = project.runs(MlflowClient(url))
        assert run.data.tags["pipeline.complete"] == "true"


@pytest.mark.soak_all
def test_a_study_of_a_sweep_lies_in_postgresql(database: str) -> None:
    """In a database of its own; two workers know each other's trials."""
    host, port = database.split(":")
    with psycopg.connect(host=host, port=port, user="mlflow", autocommit=True) as connection:
        connection.execute("CREATE DATABASE sweeps")
    place = Place(f"postgresql+psycopg://mlflow@{database}/sweeps", "shared")
    for trials in (2, 3):
        fill(place.open(), lambda trial: trial.suggest_float("x", 0, 1), trials=trials)
    numbers = [trial.number for trial in place.open().trials]
    assert numbers == [0, 1, 2]
