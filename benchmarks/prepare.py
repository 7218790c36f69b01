"""A folder of JPEGs to prepared arrays: time, memory, pictures a second, before and now, a kill.

`python -m benchmarks.prepare` draws JPEGs of 128 px and runs the stage prepare on them as DVC does:
with one core and with two, the code of an earlier commit (--before) beside it, and once more after
a kill -9 in the middle. Memory is the anonymous memory of the process tree, sampled twenty times a
second; the processor's time is that of all its processes. Hashing all files with MD5, as DVC does
when they are added, stands beside them.
"""

import argparse
import hashlib
import io
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from benchmarks import report

SIDE, CLASSES = 128, 10
SAMPLE_S = 0.05
PATHS = ("raw", "pictures", "feedback", "prepared", "plots")
CHANGES = (("dataset: mnist", "dataset: folder"), ("folder_size: 32", f"folder_size: {SIDE}"))


@dataclass(frozen=True)
class Cost:
    pictures: int
    wall_s: float
    processor_s: float
    memory_mb: float

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.pictures / self.wall_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[20_000, 60_000])
    parser.add_argument("--before", default="9fab717", help="a commit; it held all in memory")
    parser.add_argument("--folder", type=Path, help="keep the pictures there; else a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        found = measured(Path(name), sorted(asked.counts), asked.before)
    where = {"device": report.processor(), "cores": len(os.sched_getaffinity(0))}
    plain = {name: asdict(cost) | {"rate": cost.rate} for name, cost in found.items()}
    report.save("prepare", {"side": SIDE, "before": asked.before, "costs": plain, **where})
    rows = (
        (name, cost.pictures, f"{cost.wall_s:.0f}", f"{cost.processor_s:.0f}",
         f"{cost.memory_mb:,.0f}", f"{cost.rate:,.0f}")
        for name, cost in found.items()
    )  # fmt: skip
    headings = ("what", "pictures", "wall s", "processor s", "memory MB", "pictures/s")
    note = f"{where['device']}; before: {asked.before}; `python -m benchmarks.prepare`."
    text = f"# Preparing JPEGs of {SIDE} px\n\n{report.table(headings, rows)}\n{note}\n"
    (report.RESULTS / "prepare.md").write_text(text)
    sys.stdout.write(text)


def measured(folder: Path, counts: list[int], before: str) -> dict[str, Cost]:
    trees = {"now": Path.cwd(), "before": unpacked(before, folder / "code")}
    found: dict[str, Cost] = {}
    for count in counts:
        pictures = drawn(folder / f"pictures{count}", count)
        run = partial(prepared, folder / "run", pictures, count)
        first = count == counts[0]
        found[f"{count:,}, two processes"] = run(trees["now"], cores=2)
        if first:
            found[f"{count:,}, one process"] = run(trees["now"], cores=1)
            found[f"{count:,}, before"] = run(trees["before"], cores=2)
            found[f"{count:,}, killed in the middle"] = run(trees["now"], cores=2, kill=True)
            rest = run(trees["now"], cores=2, keep=True)
            found[f"{count:,}, gone on after the kill"] = rest
        found[f"{count:,}, MD5 of the files alone"] = hashed(pictures, count)
    return found


def unpacked(commit: str, folder: Path) -> Path:
    folder.mkdir(parents=True)
    packed = subprocess.run(["git", "archive", commit], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def drawn(folder: Path, count: int) -> Path:
    """Noise at two scales, so that a file is as large as a photo's."""
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_draw, folder), range(count), chunksize=200))
    return folder


def _draw(folder: Path, number: int) -> None:
    dice = np.random.default_rng(number)
    coarse = dice.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pixels = np.asarray(smooth).astype(np.int16) + dice.integers(-20, 21, (SIDE, SIDE, 3))
    path = folder / f"class{number % CLASSES}" / f"{number:06}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=85)


def prepared(  # noqa: PLR0913 - what tells the runs apart
    folder: Path,
    pictures: Path,
    count: int,
    tree: Path,
    *,
    cores: int,
    kill: bool = False,
    keep: bool = False,
) -> Cost:
    """Run the stage in `folder`, which is fresh unless it shall `keep` an interrupted run's."""
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "data").mkdir(parents=True)
        params = (tree / "params.yaml").read_text()
        for old, new in CHANGES:
            params = params.replace(old, new)
        (folder / "params.yaml").write_text(params)
        environment = os.environ | {"PYTHONPATH": str(tree)}
        fetch = [sys.executable, "-m", "pipeline.stages.fetch", "--raw", "data/raw"]
        subprocess.run(fetch, cwd=folder, env=environment, check=True)
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    arguments = [f"--{name}={folder / 'data' / name}" for name in PATHS if name != "pictures"]
    command = [sys.executable, "-m", "pipeline.stages.prepare", f"--pictures={pictures}"]
    already = _journaled(folder / "data")
    used, start = _processor_s(), time.monotonic()
    process = subprocess.Popen(
        command + arguments,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(tree)},
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),  # noqa: PLW1509 - no threads here
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = _watched(process, lambda: kill and _journaled(folder / "data") >= count // 2)
    wall = time.monotonic() - start
    if process.returncode != 0 and not kill:
        raise SystemExit(f"error: prepare ended with {process.returncode}")
    decoded = _journaled(folder / "data") if kill else count - already
    return Cost(decoded, wall, _processor_s() - used, peak / 1e6)


def _watched(process: subprocess.Popen[bytes], is_enough: Callable[[], bool]) -> int:
    """Wait for the end, or kill it when it is enough; returns the peak in bytes."""
    peak = 0
    root = psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.Error):
            peak = max(peak, sum(map(_anonymous, [root, *root.children(recursive=True)])))
        if is_enough():
            process.kill()
        time.sleep(SAMPLE_S)
    return peak


def _anonymous(process: psutil.Process) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) * 1024
    return 0


def _journaled(data: Path) -> int:
    """Pictures that the journal of an interrupted prepare tells of."""
    return sum(path.read_bytes().count(b"\n") * 64 for path in data.glob(".prepare/*/done.jsonl"))


def hashed(pictures: Path, count: int) -> Cost:
    used, start = time.process_time(), time.monotonic()
    for path in _files(pictures):
        hashlib.md5(path.read_bytes(), usedforsecurity=False)
    return Cost(count, time.monotonic() - start, time.process_time() - used, 0)


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*/*.jpg"))


def _processor_s() -> float:
    """Of all children that have ended, and theirs."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    main()
