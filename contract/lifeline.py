"""A process ends with the one that started it: nobody waits any more for what it does."""

import os
import signal
import threading
import time
from collections.abc import Callable

POLL_S = 0.1


def die() -> None:
    """Without any last word: what a killed process leaves is harmless anyway."""
    os.kill(os.getpid(), signal.SIGKILL)


def is_child_of(parent: int) -> bool:
    """Whether process `parent` lives: at its end its children get another parent at once."""
    return os.getppid() == parent


def when_gone(is_there: Callable[[], bool], then: Callable[[], object] = die) -> None:
    """Call `then` once, in a thread of its own, within POLL_S of `is_there` turning false."""
    thread = threading.Thread(target=_watch, args=(is_there, then), name="lifeline", daemon=True)
    thread.start()


def _watch(is_there: Callable[[], bool], then: Callable[[], object]) -> None:
    while is_there():
        time.sleep(POLL_S)
    then()
