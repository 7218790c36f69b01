"""A server for the time of a block, to be visited."""

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

PATIENCE_S = 90


@contextmanager
def running(command: Sequence[str], health: str, variables: Mapping[str, str]) -> Iterator[None]:
    """A server, from its first good answer to the end of the block."""
    environment = {**os.environ, **variables}
    process = subprocess.Popen(  # noqa: S603 -- our own servers
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(PATIENCE_S * 10):
            try:
                urllib.request.urlopen(health, timeout=5).close()  # noqa: S310 -- loopback
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()
