"""Scoring 20,000 pictures, beside the plain loop, Ray Data and the server.

`python -m benchmarks.scoring`: from files and from a Parquet column, then ten times as many files
for the memory. Contestants take turns, each in a process tree of its own on two cores; its
processor time is that of all its processes, its memory the largest sum of their proportional set
sizes (PSS), sampled five times a second. Where the machine does other work too, processor time is
what compares; seconds do not.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.prepare import drawn
from benchmarks.untrained import exported

PICTURES, TIMES = 20_000, 10
SAMPLE_S = 0.2
ARCHIVE = "cifar10-jpeg.tar.xz"  # of DATA_MIRROR; else JPEGs are drawn
PEERS = ("ray data", "server")


@dataclass(frozen=True)
class Cost:
    pictures: int
    wall_s: float
    processor_s: float
    memory_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep the pictures there; else a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scoring-", dir=asked.folder) as name:
        costs = measured(Path(name), asked.rounds)
    ratios = {
        "files": _ratio(costs, "the plain loop, files", "this job, files"),
        "parquet": _ratio(costs, "the plain loop, Parquet", "this job, Parquet"),
    }
    plain = {name: [asdict(cost) for cost in found] for name, found in costs.items()}
    report.save_measured("scoring", {"rounds": asked.rounds, "costs": plain, "ratios": ratios})
    headings = ("what", "pictures", "processor s", "wall s", "memory MB")
    rows = (
        (
            name,
            found[0].pictures,
            f"{median(one.processor_s for one in found):.1f}",
            f"{median(one.wall_s for one in found):.1f}",
            f"{max(one.memory_mb for one in found):.0f}",
        )
        for name, found in costs.items()
    )
    sys.stdout.write(report.table(headings, rows))


def measured(folder: Path, rounds: int) -> dict[str, list[Cost]]:
    """Contestants in turns; those that only show where others stand once."""
    model = folder / "model.onnx"
    model.write_bytes(exported("lenet", channels=3, size=32))
    files = pictures(folder / "pictures")
    table = folder / "pictures.parquet"
    _write_table(files, table)
    found: dict[str, list[Cost]] = {}
    out = folder / "out"
    for _ in range(rounds):
        for kind, source, column in (("files", files, ""), ("Parquet", table, "image")):
            peer = _peer("loop", source, out, model)
            found.setdefault(f"the plain loop, {kind}", []).append(_cost(peer, out, PICTURES))
            ours = _ours(source, out, model, column)
            found.setdefault(f"this job, {kind}", []).append(_cost(ours, out, PICTURES))
    one = folder / "one"
    shutil.copytree(files, one, ignore=_all_but_one())
    found["this job, one picture"] = [_cost(_ours(one, out, model, ""), out, 1)]
    many = folder / "many.txt"
    many.write_text("".join(f"{path}\n" for path in sorted(files.glob("*/*"))) * TIMES)
    found["this job, ten times the files"] = [
        _cost(_ours(many, out, model, ""), out, PICTURES * TIMES)
    ]
    for name in PEERS:
        found[name] = [_cost(_peer(name, files, out, model), out, PICTURES)]
    return found


def pictures(folder: Path) -> Path:
    """So many JPEGs below folders of classes: CIFAR-10's where they are at hand."""
    archive = Path(os.environ.get("DATA_MIRROR", "")) / ARCHIVE
    if not archive.is_file():
        return drawn(folder, PICTURES)
    count = 0
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.isfile() and member.name.endswith(".jpg") and count < PICTURES:
                path = folder / Path(member.name).parent.name / f"{count:05}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                content = packed.extractfile(member)
                if content is not None:
                    path.write_bytes(content.read())
                    count += 1
    return folder


def _write_table(files: Path, table: Path) -> None:
    content = [path.read_bytes() for path in sorted(files.glob("*/*"))]
    pq.write_table(pa.table({"image": content}), table, row_group_size=1000)


def _all_but_one() -> Callable[[str, list[str]], list[str]]:
    kept: list[str] = []

    def ignored(folder: str, names: list[str]) -> list[str]:
        first = [name for name in sorted(names) if not Path(folder, name).is_dir()][:1]
        if first and not kept:
            kept.extend(first)
            return [name for name in names if name not in first]
        return [name for name in names if not Path(folder, name).is_dir()]

    return ignored


def _ours(source: Path, out: Path, model: Path, column: str) -> list[str]:
    given = [str(source), str(out), "--model", str(model), "--workers", "2"]
    return [sys.executable, "-m", "scoring", *given, *(["--column", column] if column else [])]


def _peer(name: str, source: Path, out: Path, model: Path) -> list[str]:
    module = [sys.executable, "-m", "benchmarks.scoring_peers"]
    return [*module, name, str(source), str(out), str(model)]


def _cost(command: Sequence[str], out: Path, pictures: int) -> Cost:
    """Run to the end; raises SystemExit where it fails."""
    shutil.rmtree(out, ignore_errors=True)
    cores = sorted(os.sched_getaffinity(0))[:2]
    start_s = time.monotonic()
    process = subprocess.Popen(
        ["taskset", "-c", ",".join(map(str, cores)), *command],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    spent: dict[int, float] = {}
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(_sampled(one, spent) for one in _family(process.pid)) / 1e6)
        time.sleep(SAMPLE_S)
    wall_s = time.monotonic() - start_s
    if process.returncode:
        sys.exit(f"error: {' '.join(command)}: {process.stderr and process.stderr.read()[-500:]}")
    return Cost(pictures, wall_s, sum(spent.values()), peak)


def _family(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        yield from (root, *root.children(recursive=True))


def _sampled(process: psutil.Process, spent: dict[int, float]) -> float:
    """PSS in bytes; the time goes into `spent`, which keeps what those that end have used."""
    with suppress(psutil.Error, OSError, ValueError):
        times = process.cpu_times()
        spent[process.pid] = times.user + times.system
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _ratio(costs: dict[str, list[Cost]], limit: str, ours: str) -> float:
    """Of pictures for a second of processor time."""
    first, second = (
        median(one.processor_s / one.pictures for one in costs[name]) for name in (limit, ours)
    )
    return round(first / second, 3)


if __name__ == "__main__":
    main()
