"""How long a call to a tracking server may take: MLflow's own defaults hang for minutes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

TIMEOUT, RETRIES = "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
CALL_S, UPLOAD_S = (
    "5",
    "60",
)  # between two signs of life; an upload ends in the server's own copying


def set_defaults() -> None:
    """One retry; what the environment says already stays."""
    os.environ.setdefault(TIMEOUT, CALL_S)
    os.environ.setdefault(RETRIES, "1")


@contextmanager
def for_uploads() -> Iterator[None]:
    """Inside, the server may take longer to say that it has a file, unless the user says how long.

    The variable is the whole process': a call of another thread meanwhile may take longer, too.
    """
    if os.environ.get(TIMEOUT) != CALL_S:
        yield
        return
    os.environ[TIMEOUT] = UPLOAD_S
    try:
        yield
    finally:
        os.environ[TIMEOUT] = CALL_S
