"""Seconds per epoch of MNIST: the usual Lightning script, this pipeline, a raw loop, the floor.

Needs torch, torchvision and lightning alone, so that it also runs on a bare GPU machine:
`python -m benchmarks.training --mnist FOLDER`, where MNIST's four .gz files lie below FOLDER.
The contestants take turns, each turn in a process of its own: what one asks of the allocator is no
gift to the next. Of each, the median over all epochs but a turn's first counts; validation is not
timed.
"""

import argparse
import logging
import multiprocessing
import os
import statistics
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import lightning
import torch
import torchvision

from benchmarks.contestants import CLOCK, CLOCKS, COMPILED, CONTESTANTS, Setting
from benchmarks.report import RESULTS
from contract.files import write_json

RESULT = RESULTS / "training.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, default=Path("data/raw"))
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="of the usual script's loader")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="a turn; the first does not count")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument(
        "--clock", choices=list(CLOCKS), default="wall",
        help="cpu: processor time of this process, where others use the machine as well",
    )  # fmt: skip
    parser.add_argument(
        "--no-compile", action="store_true", help="leave out torch.compile: it takes a C++ compiler"
    )
    parser.add_argument("--to", type=Path, default=RESULT)
    asked = parser.parse_args()
    if asked.epochs < 2:  # noqa: PLR2004 - the first is left out
        parser.error(f"--epochs {asked.epochs}: at least 2, since the first does not count")
    os.environ[CLOCK] = asked.clock
    with tempfile.TemporaryDirectory() as scratch:
        seconds = race(asked, Path(scratch))
    report(seconds, asked)


def race(asked: argparse.Namespace, scratch: Path) -> dict[str, list[float]]:
    """Return the seconds of every epoch that counts."""
    names = [name for name in CONTESTANTS if not (asked.no_compile and name == COMPILED)]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(asked.rounds):
        for name in names:
            sys.stderr.write(f"round {number + 1} of {asked.rounds}: {name}\n")
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                seconds[name] += process.submit(turn, name, asked, scratch).result()[1:]
    return seconds


def turn(name: str, asked: argparse.Namespace, scratch: Path) -> list[float]:
    """Return the seconds of every epoch of one contestant."""
    warnings.filterwarnings("ignore")  # Lightning's advice to the usual script
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(asked.threads)
    setting = Setting.read(
        asked.mnist, scratch, images=asked.images, batch_size=asked.batch_size,
        threads=asked.threads, workers=asked.workers,
    )  # fmt: skip
    return CONTESTANTS[name](setting)(asked.epochs)


def report(seconds: dict[str, list[float]], asked: argparse.Namespace) -> None:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    usual, ours, raw, floor, *_ = medians.values()
    ratios = {
        "pipeline / raw loop (target: at most 1.10)": ours / raw,
        "usual script / pipeline": usual / ours,
        "pipeline / floor": ours / floor,
    }
    for name, values in seconds.items():
        shown = ", ".join(f"{value:.2f}" for value in values[:5])
        sys.stdout.write(f"{name:<36} {medians[name]:8.3f} s an epoch   ({shown})\n")
    for name, ratio in ratios.items():
        sys.stdout.write(f"{name:<64} {ratio:6.2f}\n")
    content = {
        "images": asked.images, "batch_size": asked.batch_size, "threads": asked.threads,
        "clock": asked.clock, "workers": asked.workers,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "cores": len(os.sched_getaffinity(0)), "torch": torch.__version__,
        "torchvision": torchvision.__version__, "lightning": lightning.__version__,
        "seconds": seconds, "median_seconds": medians, "ratios": ratios,
    }  # fmt: skip
    write_json(asked.to, content)


if __name__ == "__main__":
    main()
