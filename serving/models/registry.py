"""Follow a model of the MLflow registry: `python -m serving.models.registry`, a process of its own.

It keeps FOLDER/ROLE/model.onnx and its sidecars equal to what an address like
models:/mnist-classifier@champion means, so that the server itself only watches a file and never
imports MLflow, whose client takes seconds to start and holds the interpreter while it asks.
"""

import argparse
import hashlib
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from contract import lifeline

_log = logging.getLogger("serving.models.registry")

ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
INSTALL = "install the extra 'registry' (pip install 'mlflow-skinny', or 'mlflow' for sqlite)"


class RegistryError(Exception):
    """An address that cannot be followed now."""


@dataclass(slots=True)
class Follower:
    """One role's folder. `present` is a link to the folder of the version that is served."""

    address: str
    folder: Path
    client: Any  # MlflowClient, imported lazily
    download: Callable[..., Any]
    number: str = ""

    def look(self) -> None:
        """Fetch the version that the address means, if it is another; raises RegistryError."""
        version = self._resolve()
        if version.version == self.number:
            return
        fresh = self.folder / f"version-{version.version}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            self.download(f"models:/{version.name}/{version.version}", str(fresh))
        except Exception as error:
            raise RegistryError(f"{self.address} cannot be fetched: {error}") from error
        _check(fresh / "model.onnx", version.tags.get("onnx.sha256"), self.address)
        before, self.number = self.number, version.version
        _point(self.folder / "present", fresh)
        _log.info("%s is version %s", self.address, version.version)
        for old in self.folder.glob("version-*"):
            if old.name not in {fresh.name, f"version-{before}"}:
                shutil.rmtree(old, ignore_errors=True)

    def _resolve(self) -> Any:  # noqa: ANN401 - a ModelVersion
        found = ADDRESS.fullmatch(self.address)
        if found is None:
            raise RegistryError(f"{self.address!r} is no registry address")
        try:
            if found["alias"]:
                return self.client.get_model_version_by_alias(found["name"], found["alias"])
            return self.client.get_model_version(found["name"], found["version"])
        except Exception as error:
            raise RegistryError(f"{self.address} cannot be found: {error}") from error


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--interval", type=float, required=True, help="seconds; 0: look once")
    parser.add_argument("--parent", type=int, required=True, help="process to end with")
    parser.add_argument("follow", nargs="+", help="ROLE=models:/NAME@ALIAS")
    chosen = parser.parse_args(argv)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    _log.setLevel(logging.INFO)
    lifeline.when_gone(partial(lifeline.is_child_of, chosen.parent))
    pairs = dict(pair.split("=", 1) for pair in chosen.follow)
    try:
        client, download = _connect()
        followers = [
            Follower(a, chosen.folder / role, client, download) for role, a in pairs.items()
        ]
        for follower in followers:
            follower.look()
    except RegistryError as error:
        (chosen.folder / "error").write_text(" ".join(str(error).split()))
        return 1
    while chosen.interval:
        time.sleep(chosen.interval)
        for follower in followers:
            _try(follower)
    return 0


def _try(follower: Follower) -> None:
    try:
        follower.look()
    except (RegistryError, OSError) as error:
        _log.warning("the model that is served stays: %s", error)
        time.sleep(1.0)  # a registry that is away is not asked more often


def _connect() -> tuple[Any, Callable[..., Any]]:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    local = Path("mlflow.db").resolve()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or (f"sqlite:///{local}" if local.exists() else "")
    if not uri:
        raise RegistryError(
            "MLFLOW_TRACKING_URI is not set and there is no mlflow.db here: set it, or start the "
            "server where mlflow.db lies"
        )
    try:
        import mlflow  # noqa: PLC0415 - the one place in serving that needs it
        import mlflow.artifacts  # noqa: PLC0415 - likewise

        client = mlflow.MlflowClient(uri)
    except ImportError as error:
        raise RegistryError(f"models:/… needs MLflow ({error}): {INSTALL}") from error
    logging.getLogger("mlflow").setLevel(logging.WARNING)

    def download(address: str, folder: str) -> None:
        mlflow.artifacts.download_artifacts(
            artifact_uri=address, dst_path=folder, tracking_uri=uri, registry_uri=uri
        )

    return client, download


def _check(path: Path, expected: str | None, address: str) -> None:
    """What was evaluated is what is served."""
    if not path.is_file():
        raise RegistryError(f"{address} holds no model.onnx: register it with `make promote`")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if expected is not None and found != expected:
        raise RegistryError(f"{address} has sha256 {found}, registered was {expected}")


def _point(link: Path, target: Path) -> None:
    """Let the link lead there at once: a reader finds the old folder or the new one."""
    beside = link.with_name("next")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target.name)
    beside.replace(link)


if __name__ == "__main__":
    sys.exit(main())
