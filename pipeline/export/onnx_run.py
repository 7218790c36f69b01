"""Run an exported model: uint8 images in, float32 probabilities out, the same on any machine load.

Batches run beside each other, one thread each: how many threads there are changes no bit.
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from contract.arrays import Familiarities, Images, Probabilities

Session = Any  # onnxruntime has no types

PROBABILITIES, FAMILIARITY = "probabilities", "familiarity"  # outputs
IMAGES_A_TASK = 64  # what one thread takes at a time, so that small batches cost no hand-over


def open_session(model: Path | bytes) -> Session:
    """Every run takes one thread: its caller's."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; a warning would be about the machine, not the model
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def predict(
    session: Session, images: Images, *, batch_size: int, threads: int | None = None
) -> Probabilities:
    """Probabilities of all images, at most `batch_size` a run; threads: as many as allowed."""
    names = [PROBABILITIES]
    found: Probabilities = outputs(session, images, names, batch_size=batch_size, threads=threads)[
        0
    ]
    return found


def answers(
    session: Session, images: Images, *, batch_size: int
) -> tuple[Probabilities, Familiarities | None]:
    """All that the file gives; None: it has no familiarity."""
    names = [PROBABILITIES, FAMILIARITY][: 2 if has_familiarity(session) else 1]
    found = [*outputs(session, images, names, batch_size=batch_size), None]
    return found[0], found[1]


def has_familiarity(session: Session) -> bool:
    return any(one.name == FAMILIARITY for one in session.get_outputs())


def outputs(
    session: Session,
    images: Images,
    names: Sequence[str],
    *,
    batch_size: int,
    threads: int | None = None,
) -> list[Any]:
    """The named outputs for all images, in the order of the names."""
    size = max(1, IMAGES_A_TASK // batch_size) * batch_size
    parts = [images[start : start + size] for start in range(0, len(images), size)]

    def work(part: Images) -> list[list[Any]]:
        return list(_runs(session, part, names, batch_size))

    with ThreadPoolExecutor(threads or allowed_threads()) as pool:
        runs = [run for some in pool.map(work, parts) for run in some]
    return [np.concatenate(one) for one in zip(*runs, strict=True)]


def _runs(
    session: Session, images: Images, names: Sequence[str], batch_size: int
) -> Iterable[list[Any]]:
    for start in range(0, len(images), batch_size):
        batch = np.ascontiguousarray(images[start : start + batch_size])
        yield session.run(list(names), {"images": batch})


def allowed_threads() -> int:
    """Processors this process may use: onnxruntime does not look at the affinity."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
