"""How every stage starts and ends: parameters checked, alive only while its parent is."""

import argparse
import errno
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import psutil

from contract import lifeline
from pipeline import config, inputs
from pipeline.data import datasets
from pipeline.errors import PipelineError
from pipeline.nets import geometry

PARAMS = Path("params.yaml")
_SPACE, _RIGHTS = "make room on the disk", "see whose the file or its folder is (umask, mount)"
MENDABLE = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "raise the limit on a file's size (ulimit -f)",
    errno.EROFS: "work in a checkout that can be written",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
}
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh"})


def enter() -> tuple[config.Params, inputs.Inputs]:
    """Take the inputs, check the parameters and the net, then tie this process to its parent.

    Raises ConfigError, and GeometryError where the net cannot be built for the data set's images.
    """
    given = inputs.taken()
    params = config.load(PARAMS)
    geometry.check_net(params.model, datasets.image_shape(params.data))
    die_with_parent()
    return params, given


def paths(
    description: str | None, names: Sequence[str], argv: Sequence[str] | None
) -> argparse.Namespace:
    """Read `--NAME PATH` for every name; each must be given, because dvc.yaml knows the paths."""
    parser = argparse.ArgumentParser(description=description)
    for name in names:
        parser.add_argument(f"--{name}", type=Path, required=True)
    return parser.parse_args(argv)


def run(main: Callable[[], None]) -> None:
    """Call `main`; an error that the user can mend becomes one line and exit status 1.

    So does a disk that is full and a folder that may not be written; `contract.files` leaves
    nothing half-written there.
    """
    try:
        main()
    except PipelineError as error:
        _end(str(error))
    except OSError as error:
        if error.errno not in MENDABLE:
            raise
        name = error.filename2 or error.filename  # of a renaming, the place that was wanted
        place = "" if name is None else f"{str(name)!r}: "
        _end(f"{place}{error.strerror}: {MENDABLE[error.errno]}, then run the same command again")


def _end(text: str) -> NoReturn:
    sys.stdout.flush()
    sys.exit(f"error: {text}")


def die_with_parent() -> None:
    """Kill this process as soon as the one that started it is gone.

    `kill -9` of dvc leaves its stage alive, which would then write beside the next run's. Shells
    between the two (`sh -c`) outlive dvc, so the first ancestor that is none is watched as well.
    """
    starters = _starters()
    lifeline.when_gone(lambda: all(map(_is_alive, starters)))


def _starters() -> list[psutil.Process]:
    starters = []
    for process in psutil.Process().parents():
        if process.pid == 1:
            break
        starters.append(process)
        if process.name() not in SHELLS:
            break
    return starters


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
