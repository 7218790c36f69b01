"""Pictures decoded part by part, by processes that write the rows where they belong."""

import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from contract.reading.rules import Rules
from pipeline.data.looking import FACTS, Facts, Shape, look
from pipeline.data.npy import RowFile
from pipeline.errors import PipelineError

AHEAD = 3  # parts of each process that are under way or waiting


class DecodingError(PipelineError):
    """The processes that decode could not do their work."""


@dataclass(frozen=True)
class Part:
    """Some pictures that become neighbouring rows of one file."""

    name: str
    file: Path
    first: int  # row
    paths: list[str]


@dataclass(frozen=True)
class Done:
    """`reasons` say why a row, counted from the part's first, could not be read."""

    name: str
    sha256: str  # of the part's rows
    facts: Facts  # (rows,)
    reasons: dict[int, str]


def decode(part: Part, rules: Rules, shape: Shape) -> Done:
    """Read each file once and write its row; one picture is held at a time."""
    target = RowFile(part.file, shape)
    facts, reasons, digest = np.zeros(len(part.paths), FACTS), {}, hashlib.sha256()
    handle = os.open(part.file, os.O_RDWR)
    try:
        for row, path in enumerate(part.paths):
            seen = look(path, rules=rules, shape=shape)
            target.write(handle, part.first + row, seen.pixels)
            digest.update(np.ascontiguousarray(seen.pixels).data)
            facts[row] = seen.facts
            if seen.reason:
                reasons[row] = seen.reason
    finally:
        os.close(handle)
    return Done(part.name, digest.hexdigest(), facts, reasons)


def decode_all(
    parts: Iterable[Part], rules: Rules, shape: Shape, *, processes: int
) -> Iterator[Done]:
    """Yield each part as it gets done, in any order; 0 processes is this one.

    Raises DecodingError where a process was ended from outside or a row cannot be written.
    """
    try:
        if processes == 0:
            yield from (decode(part, rules, shape) for part in parts)
            return
        context = multiprocessing.get_context("spawn")  # threads of ours would not survive a fork
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin) as pool:
            waiting = iter(parts)
            under_way: set[Future[Done]] = set()
            while True:
                room = processes * AHEAD - len(under_way)
                under_way |= {
                    pool.submit(decode, part, rules, shape) for part in islice(waiting, room)
                }
                if not under_way:
                    return
                finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)
    except BrokenProcessPool:
        raise DecodingError(
            "a process that decodes pictures was ended from outside, as systems do that run out "
            "of memory: free some and run it again, which goes on where this stopped"
        ) from None
    except OSError as error:
        raise DecodingError(
            f"the images cannot be written ({error.strerror or error}): make room on the disk and "
            "run it again, which goes on where this stopped"
        ) from error


def _begin() -> None:
    """Leave Ctrl-C to the first process, and end as soon as that one is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
