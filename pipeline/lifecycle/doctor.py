"""What is off with checkout, tracking store, runs and versions; mended where that is safe."""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline import command, config
from pipeline.data import arrays
from pipeline.errors import PipelineError
from pipeline.tracking import git, provenance
from pipeline.tracking import store as tracking
from pipeline.training import made_with

SHOWN = 4


class State(Enum):
    FINE = "ok"
    MENDED = "mended"
    NOTE = "note"
    OFF = "off"


@dataclass(frozen=True)
class Finding:
    about: str
    state: State
    text: str


def main(argv: list[str] | None = None) -> int:
    """Return 1 where something is off that only the user can mend."""
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    root = provenance.repository_root()
    found = list(findings(root))
    for one in found:
        sys.stdout.write(f"{one.state.value:<8}{one.about:<10}{one.text}\n")
    return int(any(one.state is State.OFF for one in found))


def findings(root: Path) -> Iterator[Finding]:
    yield owner(root)
    yield versions(root / "constraints.txt")
    yield from made_elsewhere(root)
    yield from of_the_store(root)


def owner(root: Path) -> Finding:
    if git.commit().refused:
        line = f"another user owns {root}, and git refuses to look into it, so that runs name no "
        line += f"commit: `git config --global --add safe.directory {root}`"
        return Finding("checkout", State.OFF, line)
    uid = root.stat().st_uid
    if not os.access(root, os.W_OK):
        return Finding("checkout", State.OFF, f"{root} is not writable here; user {uid} owns it")
    return Finding("checkout", State.FINE, str(root))


def versions(constraints: Path) -> Finding:
    """Compare what is installed with what is tested; what is not installed is not compared."""
    if not constraints.is_file():
        return Finding("versions", State.NOTE, f"{constraints.name} is absent: nothing to compare")
    pairs = (line.split("==") for line in constraints.read_text().split() if "==" in line)
    other = [
        f"{name} {found} (tested: {wanted})"
        for name, wanted in pairs
        if (found := _installed(name)) not in (None, wanted)
    ]
    if not other:
        return Finding("versions", State.FINE, "as in constraints.txt")
    more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
    line = f"{', '.join(other[:SHOWN])}{more}: `make setup` installs the tested ones"
    return Finding("versions", State.OFF, line)


def _installed(name: str) -> str | None:
    try:
        return version(name).partition("+")[0]  # a CPU build of torch is 2.15.0+cpu
    except PackageNotFoundError:
        return None


def made_elsewhere(root: Path) -> Iterator[Finding]:
    try:
        train = config.load(root / command.PARAMS).train
    except PipelineError as error:
        yield Finding("params", State.OFF, str(error))
        return
    if warning := made_with.warning(Path("metrics/train.json"), train):
        yield Finding("model", State.NOTE, warning.removeprefix("note: "))


def of_the_store(root: Path) -> Iterator[Finding]:
    try:
        store = tracking.answering(root)
    except tracking.TrackingError as error:
        yield Finding("store", State.OFF, str(error))
        return
    yield Finding("store", State.FINE, store.uri)
    if sent := store.send_waiting():
        yield Finding("runs", State.MENDED, f"{len(sent)} waited to be sent to the store: sent")
    if dead := store.end_dead_runs():
        yield Finding("runs", State.MENDED, f"{len(dead)} of dead processes were RUNNING: KILLED")
    try:
        name = tracking.experiment_of(arrays.load_dataset(root / "data/prepared").name)
    except PipelineError:
        name = None
    if name and store.restore_experiment(name):
        yield Finding("runs", State.MENDED, f"the experiment {name!r} was deleted: restored")
    if lost := store.without_artifacts():
        line = f"{len(lost)} have no artifacts where they were written, {lost[0]} first: "
        yield Finding("runs", State.OFF, f"{line}`dvc repro -f -s evaluate` writes those of now")
