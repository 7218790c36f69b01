"""How every stage starts and ends: parameters checked, alive only while its parent is."""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from pipeline import config
from pipeline.data import datasets
from pipeline.errors import PipelineError
from pipeline.nets import geometry

PARAMS = Path("params.yaml")
POLL_S = 0.2
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh"})


def enter() -> config.Params:
    """Check the parameters and the net, then tie this process to the one that started it.

    Raises ConfigError, and GeometryError where the net cannot be built for the data set's images.
    """
    params = config.load(PARAMS)
    geometry.check_net(params.model, datasets.image_shape(params.data))
    die_with_parent()
    return params


def paths(
    description: str | None, names: Sequence[str], argv: Sequence[str] | None
) -> argparse.Namespace:
    """Read `--NAME PATH` for every name; each must be given, because dvc.yaml knows the paths."""
    parser = argparse.ArgumentParser(description=description)
    for name in names:
        parser.add_argument(f"--{name}", type=Path, required=True)
    return parser.parse_args(argv)


def run(main: Callable[[], None]) -> None:
    """Call `main`; an error that the user can mend becomes one line and exit status 1."""
    try:
        main()
    except PipelineError as error:
        sys.stdout.flush()
        sys.exit(f"error: {error}")


def die_with_parent() -> None:
    """Kill this process as soon as the one that started it is gone.

    `kill -9` of dvc leaves its stage alive, which would then write beside the next run's. Shells
    between the two (`sh -c`) outlive dvc, so the first ancestor that is none is watched as well.
    """
    watched = _starters()
    threading.Thread(target=_watch, args=(watched,), name="die-with-parent", daemon=True).start()


def _starters() -> list[psutil.Process]:
    starters = []
    for process in psutil.Process().parents():
        if process.pid == 1:
            break
        starters.append(process)
        if process.name() not in SHELLS:
            break
    return starters


def _watch(watched: list[psutil.Process]) -> None:
    while all(_is_alive(process) for process in watched):
        time.sleep(POLL_S)
    os.kill(os.getpid(), signal.SIGKILL)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
