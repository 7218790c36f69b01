"""Programs of the system that a test needs."""

import os
import shutil

import pytest


def installed(program: str, *, required_by: str) -> str:
    """Give its path; skip the test where it is absent, unless the environment requires it."""
    found = shutil.which(program)
    if found is None and not os.environ.get(required_by):
        pytest.skip(f"{program} is not installed")
    assert found, f"{required_by} is set, and {program} is not installed"
    return found
