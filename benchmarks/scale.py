"""What growth costs, on paper: unit costs, and what follows for millions; in docs/scale.md.

`python -m benchmarks.scale` measures what no other benchmark does (decoding, exporting, one and two
workers of the server beside each other) and takes the rest from benchmarks/results, whose files say
which commands write them. `--page` only writes the page's tables anew from the results.
"""

import argparse
import io
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime as ort
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks import overload, published_scale, report, wrk
from benchmarks.peers import Peer
from benchmarks.running import free_port, running
from benchmarks.untrained import exported
from contract.files import write_bytes
from contract.reading.reader import read
from contract.reading.rules import current

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
_TURNS, _CHECK_S = 5, 8.0
_CALLERS = 8  # each waits for its answer: more would be refused where the machine is busy
PHOTO, SMALL = (500, 375), (32, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page only")
    if not parser.parse_args().page:
        report.save_measured("scale", measured())
    write_bytes(PAGE, published_scale.page(PAGE.read_text()).encode())


def measured() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start_s = time.process_time()
        small = exported("lenet", channels=3, size=32)
        export_s = time.process_time() - start_s
        return {
            "decode_s": {"small": _decode_s(SMALL, 32), "photo": _decode_s(PHOTO, 224)},
            "export_s": export_s,
            "row_bytes": _row_bytes(folder),
            "replicas": {
                "LeNet": _replicas(folder, small, 32),
                "resnet18": _replicas(folder, exported("resnet18", channels=3, size=224), 224),
            },
        }


def _decode_s(size: tuple[int, int], side: int) -> float:
    """Processor seconds of the reader for a JPEG of noise at two scales."""
    dice = np.random.default_rng(0)
    coarse = Image.fromarray(dice.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    levels = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    file = io.BytesIO()
    noisy = np.clip(levels + dice.integers(-20, 21, levels.shape), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(file, "JPEG", quality=85)
    found = []
    for _ in range(_TURNS):
        start_s = time.process_time()
        for _ in range(100):
            read(file.getvalue(), rules=current(), shape=(3, side, side))
        found.append((time.process_time() - start_s) / 100)
    return float(median(found))


def _row_bytes(folder: Path) -> float:
    """Of a scored picture in Parquet: ten classes, probabilities as a net gives them."""
    logits = np.random.default_rng(0).normal(0, 3, (2000, 10))
    probabilities = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    rows = {
        "path": [f"s3://pictures/2026/11/{at:09}.jpg" for at in range(2000)],
        "label": [str(one) for one in probabilities.argmax(axis=1)],
        "probability": probabilities.max(axis=1),
        "probabilities": probabilities.tolist(),
        "error": pa.nulls(2000, pa.string()),
        "model_version": ["0" * 12] * 2000,
    }
    path = folder / "part.parquet"
    pq.write_table(pa.table(rows), path, compression="zstd")
    return path.stat().st_size / 2000


def _replicas(folder: Path, model: bytes, side: int) -> dict[str, Any]:
    """Answers a second of one worker and of two, as benchmarks.overload finds a capacity."""
    path = folder / f"{side}.onnx"
    path.write_bytes(model)
    images = np.random.default_rng(1).integers(0, 256, (1, 3, side, side), dtype=np.uint8)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(["probabilities"], {"images": images})
    found = {}
    for workers in (1, 2):
        port = free_port()
        peer = next(iter(overload.peers(path, images.tobytes(), 1, port, "")))
        peer = Peer(peer.name, (*peer.command, "--workers", str(workers)), peer.variables,
                    peer.calls, peer.read)  # fmt: skip
        cores = sorted(os.sched_getaffinity(0))
        with running(
            peer, port=port, cores=cores[:workers], first=peer.calls["raw"], expected=expected,
            log=folder / "log",
        ) as server:  # fmt: skip
            before_s = overload.processor_s(server)
            capacity = wrk.run(
                server.url, peer.calls["raw"], folder=folder, cores=cores[-1:],
                connections=_CALLERS, seconds=_CHECK_S,
            ).requests_s  # fmt: skip
            spent_s = overload.processor_s(server) - before_s
        found[str(workers)] = {"answers_s": capacity, "core_s": spent_s / (capacity * _CHECK_S)}
    return found


if __name__ == "__main__":
    main()
