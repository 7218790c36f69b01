"""What a phone's photo costs: processor time and memory, served and prepared, before and now.

`python -m benchmarks.photos` draws a JPEG of 4000 by 3000 and one of 50 megapixels, and takes them
through a server and through the reader that prepare uses; beside them stand the same of an earlier
commit (--before, from this repository's history) and the floor: the whole JPEG decoded once by
Pillow, and nothing else. Times are of the processor, medians over rounds.
"""

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, stdev

import msgspec
import numpy as np
import psutil
from PIL import Image, ImageFilter

from benchmarks import report
from benchmarks.peers import AS_RAW, ours
from benchmarks.running import Running, free_port, running
from benchmarks.wrk import Call
from contract.reading.rules import current
from tests.serving.onnx_files import answers, build_model

PHOTO, LARGE = (4000, 3000), (8192, 6144)  # px
SIZES = (32, 224)  # px, of the models
FLOOR, BEFORE, NOW = "decoded alone", "before", "now"
READERS = {
    FLOOR: """
import io
from PIL import Image
def read(data, size): Image.open(io.BytesIO(data)).convert("RGB")
""",
    BEFORE: """
from pipeline.data import pictures
pictures.MAX_PIXELS = 1 << 30
def read(data, size): pictures.read(Path(sys.argv[1]), size, "rgb")
""",
    NOW: """
from contract.reading.reader import read as shared
from contract.reading.rules import current
def read(data, size): shared(data, rules=current(), shape=(3, size, size))
""",
}
CHILD = """
import sys, time
from pathlib import Path
%s
def peak(): return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
data, size, times = Path(sys.argv[1]).read_bytes(), int(sys.argv[2]), int(sys.argv[3])
before = peak()
read(data, size)
grown, start = peak() - before, time.process_time()
for _ in range(times):
    read(data, size)
print((time.process_time() - start) / times, grown)
"""
LIMITS = ("--max-pixels", "64000000", "--body-limit", str(32 << 20))  # what is the default now
TIMES = 6  # a photo is read in one round


@dataclass(frozen=True)
class Bench:
    folder: Path
    trees: dict[str, Path]  # BEFORE and NOW: where their code lies
    core: int

    def environment(self, who: str) -> dict[str, str]:
        """So that a child imports that tree and not the current folder."""
        tree = self.trees.get(who, self.trees[NOW])
        return {"PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}


@dataclass(frozen=True)
class Cost:
    """Of one picture: seconds of processor, and by how many MB the process's peak grew."""

    cpu_s: float
    grown_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default="9fab717", help="a commit; it read pictures in full")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, default=0, help="of the server and of the reader")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trees = {BEFORE: unpacked(asked.before, folder / "before"), NOW: Path.cwd()}
        bench = Bench(folder, trees, asked.core)
        figures: dict[tuple[str, str], list[Cost]] = defaultdict(list)
        files = {side: draw(folder / f"{side}.jpg", side) for side in (PHOTO, LARGE)}
        for number in range(asked.rounds):
            sys.stderr.write(f"round {number + 1} of {asked.rounds}\n")
            for who, what, cost in one_round(bench, files):
                figures[who, what].append(cost)
    publish(figures, before=asked.before, rounds=asked.rounds)


def unpacked(commit: str, folder: Path) -> Path:
    """The files of a commit."""
    packed = subprocess.run(["git", "archive", commit], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def draw(path: Path, side: tuple[int, int]) -> Path:
    """Soft shapes, sharp edges and a sensor's grain: as many bytes a pixel as a phone's photo."""
    dice = np.random.default_rng(0)
    width, height = side
    coarse = Image.fromarray(dice.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    picture = coarse.resize(side, Image.Resampling.BICUBIC)
    edges = Image.fromarray(dice.integers(0, 256, (75, 100, 3), dtype=np.uint8))
    picture = Image.blend(picture, edges.resize(side, Image.Resampling.NEAREST), 0.2)
    grain = Image.effect_noise((width // 4, height // 4), 20).resize(side, Image.Resampling.BOX)
    picture = Image.blend(picture, grain.convert("RGB"), 0.15)
    picture.filter(ImageFilter.BoxBlur(1)).save(path, quality=92)
    return path


def one_round(bench: Bench, files: dict[tuple[int, int], Path]) -> Iterator[tuple[str, str, Cost]]:
    for size in SIZES:
        for who in READERS:
            for side, path in files.items():
                yield who, _named("read", side, size), read(bench, who, path, size)
        for who in bench.trees:
            for side, cost in zip(
                files, served(bench, who, list(files.values()), size), strict=True
            ):
                yield who, _named("served", side, size), cost


def _named(what: str, side: tuple[int, int], size: int) -> str:
    return f"{what}, {side[0]} x {side[1]} for {size} px"


def read(bench: Bench, who: str, path: Path, size: int) -> Cost:
    """In a process of its own, as prepare reads it."""
    command = ["taskset", "-c", str(bench.core), sys.executable, "-c", CHILD % READERS[who]]
    done = subprocess.run(
        [*command, str(path), str(size), str(TIMES)],
        env={**os.environ, **bench.environment(who)},
        cwd=bench.folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return Cost(*(float(word) for word in done.stdout.split()))


def served(bench: Bench, who: str, paths: list[Path], size: int) -> Iterator[Cost]:
    """The server's own processor time for a request, and its peak over what it held before."""
    rules = {"reading": msgspec.json.encode(current()).decode()}
    model, port = bench.folder / f"{size}.onnx", free_port()
    model.write_bytes(content := build_model(shape=(3, size, size), more=rules))
    image = np.zeros((1, 3, size, size), np.uint8)
    peer = ours(model, image, port)
    peer = replace(peer, command=(*peer.command, *LIMITS), variables=bench.environment(who))
    first = Call("/predict", AS_RAW, image.tobytes(), 1)
    with running(
        peer, port=port, cores=[bench.core], first=first, expected=answers(content, image),
        log=bench.folder / "log",
    ) as server:  # fmt: skip
        process = psutil.Process(server.pid)
        for path in paths:
            held_mb = server.rss_mb
            _ask(server, path)
            grown_mb = _peak_mb(server.pid) - held_mb
            start_s = sum(process.cpu_times()[:2])
            for _ in range(TIMES):
                _ask(server, path)
            yield Cost((sum(process.cpu_times()[:2]) - start_s) / TIMES, grown_mb)


def _ask(server: Running, path: Path) -> None:
    fields = {"Content-Type": "image/jpeg"}
    request = urllib.request.Request(server.url + "/predict", path.read_bytes(), fields)  # noqa: S310 -- loopback
    with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 -- likewise
        reply.read()


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def publish(figures: dict[tuple[str, str], list[Cost]], *, before: str, rounds: int) -> None:
    """Medians over rounds, and how often the floor's time that is, of the same round."""
    rows: list[tuple[str, ...]] = []
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (who, what), costs in figures.items():
        floors = figures[FLOOR, what.replace("served", "read")]
        numbers = {
            "cpu_s": median(cost.cpu_s for cost in costs),
            "over_the_floor": median(
                cost.cpu_s / floor.cpu_s for cost, floor in zip(costs, floors, strict=True)
            ),
            "grown_mb": median(cost.grown_mb for cost in costs),
            "sd_cpu_s": stdev(cost.cpu_s for cost in costs) if rounds > 1 else 0.0,
            "sd_grown_mb": stdev(cost.grown_mb for cost in costs) if rounds > 1 else 0.0,
        }
        found.setdefault(what, {})[who] = numbers
        rows.append((what, who, *(f"{number:.3g}" for number in numbers.values())))
    rows.sort()
    heads = ("picture", "who", "processor s", "over the floor", "peak MB more", "sd s", "sd MB")
    sys.stdout.write(report.table(heads, rows))
    sys.stdout.write(f"{report.cores()}; medians of {rounds} rounds; before: {before}\n")
    content = {
        "before": before,
        "rounds": rounds,
        "found": found,
    }
    report.save_measured("photos", content)


if __name__ == "__main__":
    main()
