"""Run an exported model: uint8 images in, float32 probabilities out, the same on any machine load.

Batches run beside each other, one thread each: how many threads there are changes no bit.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from contract.arrays import Images, Probabilities

Session = Any  # onnxruntime has no types

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
    size = max(1, IMAGES_A_TASK // batch_size) * batch_size
    parts = [images[start : start + size] for start in range(0, len(images), size)]

    def work(part: Images) -> Probabilities:
        return np.concatenate(list(_runs(session, part, batch_size)))

    with ThreadPoolExecutor(threads or allowed_threads()) as pool:
        return np.concatenate(list(pool.map(work, parts)))


def _runs(session: Session, images: Images, batch_size: int) -> Iterable[Probabilities]:
    for start in range(0, len(images), batch_size):
        batch = np.ascontiguousarray(images[start : start + batch_size])
        yield session.run(["probabilities"], {"images": batch})[0]


def allowed_threads() -> int:
    """Processors this process may use: onnxruntime does not look at the affinity."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
