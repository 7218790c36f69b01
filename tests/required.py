"""What a test needs of the machine: skipped where it is absent, failed where it is required."""

import os
import shutil
from typing import NoReturn

import pytest


def lacking(what: str, *, required_by: str) -> NoReturn:
    """Fail where the environment sets `required_by`; skip elsewhere."""
    if os.environ.get(required_by):
        pytest.fail(f"{required_by} is set, and {what}")
    pytest.skip(what)


def installed(program: str, *, required_by: str) -> str:
    """Give the path of a program of the system."""
    found = shutil.which(program)
    if found is None:
        lacking(f"{program} is not installed", required_by=required_by)
    return found
