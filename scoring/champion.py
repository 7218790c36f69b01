"""--model → the bytes of a model: a file, an s3:// or gs:// address, or models:/NAME@ALIAS.

The registry is asked by the server's own follower in a process of its own: MLflow is not imported.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scoring import storage
from scoring.errors import ScoringRefused
from serving.errors import ModelRefused
from serving.models.model import Model, load
from serving.models.registry import ADDRESS
from serving.models.sources import source_of

_REGISTRY = "models:/"
_PATIENCE_S = 300.0
_MOST = 1 << 31


def loaded(address: str) -> tuple[bytes, Model]:
    """Read, check and self-test as the server does; raises ScoringRefused."""
    try:
        content = _content(address)
        return content, load(content, threads=1)
    except ModelRefused as error:
        raise ScoringRefused(f"the model {address!r} is refused: {error}") from None


def _content(address: str) -> bytes:
    if address.startswith(_REGISTRY):
        return _registered(address)
    if not storage.is_remote(address):
        return source_of(address).read()
    try:
        return storage.read(address, most=_MOST)
    except OSError as error:
        raise ScoringRefused(f"the model {address!r}: {storage.reason(error)}") from None


def _registered(address: str) -> bytes:
    if not ADDRESS.fullmatch(address):
        raise ScoringRefused(
            f"--model is {address!r}: give models:/NAME@ALIAS, models:/NAME/VERSION or a file"
        )
    with tempfile.TemporaryDirectory(prefix="scoring-") as folder:
        options = ("--folder", folder, "--interval", "0", "--parent", str(os.getpid()))
        command = [sys.executable, "-m", "serving.models.registry", *options, f"model={address}"]
        try:
            subprocess.run(command, timeout=_PATIENCE_S, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
        except subprocess.TimeoutExpired:
            raise ScoringRefused(
                f"the model registry gave nothing within {_PATIENCE_S:g} s: is it reachable?"
            ) from None
        said = Path(folder, "error")
        if said.exists():
            raise ScoringRefused(f"the model registry refuses: {said.read_text()}")
        return source_of(f"{folder}/model/present/model.onnx").read()
