"""Seconds per epoch of MNIST: the usual Lightning script, this pipeline, a raw loop, the floor.

Needs torch, torchvision and lightning alone, so that it also runs on a bare GPU machine:
`python -m benchmarks.training --mnist FOLDER`, where MNIST's four .gz files lie below FOLDER.
The contestants take turns; of each, the median over all rounds counts. Validation is left out.
"""

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import warnings
from pathlib import Path

import lightning
import torch
import torchvision

from benchmarks.contestants import CLOCK, CLOCKS, Contestant, Setting, all_contestants

RESULT = Path(__file__).parent / "results" / "training.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, default=Path("data/raw"))
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="of the usual script's loader")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1, help="a round; of several, not the first")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument(
        "--clock", choices=list(CLOCKS), default="wall",
        help="cpu: processor time of this process, where others use the machine as well",
    )  # fmt: skip
    parser.add_argument("--to", type=Path, default=RESULT)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    os.environ[CLOCK] = asked.clock
    quiet()
    with tempfile.TemporaryDirectory() as scratch:
        setting = Setting.read(
            asked.mnist, Path(scratch), images=asked.images, batch_size=asked.batch_size,
            threads=asked.threads, workers=asked.workers,
        )  # fmt: skip
        seconds = race(all_contestants(setting), rounds=asked.rounds, epochs=asked.epochs)
    report(seconds, asked)


def quiet() -> None:
    warnings.filterwarnings("ignore")  # Lightning's advice to the usual script
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def race(contestants: dict[str, Contestant], *, rounds: int, epochs: int) -> dict[str, list[float]]:
    """Return the seconds of every epoch that counts."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            measured = run(epochs)
            seconds[name] += measured[1:] if epochs > 1 else measured
    return seconds


def report(seconds: dict[str, list[float]], asked: argparse.Namespace) -> None:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    usual, ours, raw, *_ = medians.values()
    ratios = {
        "pipeline / raw loop (target: at most 1.10)": ours / raw,
        "usual script / pipeline (target: at least 4.5 with 2 workers)": usual / ours,
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
    asked.to.parent.mkdir(parents=True, exist_ok=True)
    asked.to.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
