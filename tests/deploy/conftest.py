"""One container engine with a base image, for all tests of a file."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.engine import Engine, started
from tests.serving.conftest import free_port, tiny_model

__all__ = ["free_port", "tiny_model"]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Not in pytest's own folder, which would keep gigabytes of three runs."""
    folder = Path(tempfile.mkdtemp(prefix="containers-", dir="/var/tmp"))
    try:
        found = started(folder)
        yield found
        found.clean()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
