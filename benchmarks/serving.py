"""README's serving table: the limit, this server, plain FastAPI and other peers, in one run.

`python -m benchmarks.serving` needs models/model.onnx (or --model), wrk and four cores: one or two
for the server, the others for the load; on two (`--cores 0 1`) two workers are left out. Rounds
alternate between the servers; a figure is the median over rounds. Every answer is compared with
onnxruntime's before it is timed.
"""

import argparse
import base64
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort

from benchmarks import report, wrk
from benchmarks.peers import BATCH, CASES, Images, Peer, Probabilities, ours, peers
from benchmarks.running import await_right, free_port, running

CONNECTIONS = {CASES[0]: 16, CASES[1]: 16, CASES[2]: 8, CASES[3]: 8}
SATURATING = 64  # connections: enough that two workers are as busy as one
WARM_UP_S = 1.0
LIMIT = "onnxruntime in process"
OURS = "this server"
SECOND = "two workers, two cores"
Figures = dict[tuple[str, str], list[float]]  # (server, figure) → one value per round


@dataclass(frozen=True)
class Bench:
    """What stays the same through a run."""

    model: Path
    images: Images
    expected: Probabilities
    name: str
    folder: Path
    seconds: float
    server_cores: list[int]
    load_cores: list[int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/model.onnx"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--cores", type=int, nargs="+", default=[0, 1, 2, 3], help="server's first")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = prepare(asked.model.resolve(), Path(folder), asked.seconds, asked.cores)
        figures: Figures = defaultdict(list)
        for number in range(asked.rounds):
            sys.stderr.write(f"round {number + 1} of {asked.rounds}\n")
            for who, what, value in one_round(bench):
                figures[who, what].append(value)
    medians = {key: median(values) for key, values in figures.items()}
    publish(figures, medians, rounds=asked.rounds, seconds=asked.seconds)


def prepare(model: Path, folder: Path, seconds: float, cores: list[int]) -> Bench:
    """Take images and right answers from the file itself: its golden inputs, 64 of them."""
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    shape = tuple(json.loads(metadata["image_shape"]))
    pixels = np.frombuffer(_golden(metadata), np.uint8).reshape(-1, *shape)
    images = np.resize(pixels, (BATCH, *shape))
    (expected,) = session.run(["probabilities"], {"images": images})
    half = len(cores) // 2
    return Bench(
        model, images, expected, metadata["model_name"], folder, seconds, cores[:half], cores[half:]
    )


def _golden(metadata: Mapping[str, str]) -> bytes:
    return base64.b64decode(json.loads(metadata["golden"])["images"])


def one_round(bench: Bench) -> Iterator[tuple[str, str, float]]:
    """Yield (server, figure, value): the limit, each peer on one core, two workers on two."""
    port = free_port()
    yield from zip((LIMIT,) * 2, (CASES[0], CASES[3]), _limit(bench), strict=True)
    for peer in peers(bench.model, bench.images, port, bench.folder):
        for what, value in measure(
            bench, peer, port=port, cores=bench.server_cores[:1], cases=CASES
        ):
            yield peer.name, what, value
    if len(bench.server_cores) == 1:
        return
    pair = ours(bench.model, bench.images, port, workers=2)
    for what, value in measure(
        bench, pair, port=port, cores=bench.server_cores[:2], cases=CASES[:2]
    ):
        yield SECOND, what, value


def _limit(bench: Bench) -> list[float]:
    script = Path(__file__).with_name("in_process.py")
    core = str(bench.server_cores[0])
    command = [
        "taskset",
        "-c",
        core,
        sys.executable,
        str(script),
        str(bench.model),
        "1",
        str(BATCH),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def measure(
    bench: Bench, peer: Peer, *, port: int, cores: list[int], cases: tuple[str, ...]
) -> Iterator[tuple[str, float]]:
    """Start, check, warm up, time each case, weigh, stop."""
    calls = {case: _named(call, bench.name) for case, call in peer.calls.items() if case in cases}
    first = bench.expected[:1]
    with running(
        peer, port=port, cores=cores, first=calls[CASES[0]], expected=first,
        log=bench.folder / "log",
    ) as server:  # fmt: skip
        yield "first answer s", server.first_answer_s
        for case, call in calls.items():
            await_right(server.url, peer, call, bench.expected[: call.images])
            run = partial(wrk.run, server.url, call, folder=bench.folder, cores=bench.load_cores)
            run(connections=CONNECTIONS[case], seconds=WARM_UP_S)
            load = run(connections=CONNECTIONS[case], seconds=bench.seconds)
            yield case, load.requests_s * call.images
            yield f"{case}, p50 ms", load.p50_ms
            yield f"{case}, p99 ms", load.p99_ms
            yield f"{case}, load busy", load.busy
            if peer.name == OURS and case in CASES[:2]:
                load = run(connections=SATURATING, seconds=bench.seconds)
                yield f"{case}, saturated", load.requests_s
        yield "RSS MB", server.rss_mb


def _named(call: wrk.Call, name: str) -> wrk.Call:
    return wrk.Call(call.path.format(name=name), call.fields, call.body, call.images)


def publish(
    figures: Figures, medians: Mapping[tuple[str, str], float], *, rounds: int, seconds: float
) -> None:
    """Print both tables, and write them with every single value."""
    goals = ratios(medians)
    busiest = max(value for (_, what), value in medians.items() if what.endswith("load busy"))
    servers = list(dict.fromkeys(who for who, _ in medians))
    shown = (
        report.table(("", *HEADINGS), [_row(who, medians) for who in servers]),
        report.table(("reach", "found", "wanted", "met"), [_goal(*goal) for goal in goals]),
        f"{report.cores()}; medians of {rounds} rounds of {seconds:g} s.",
        f"The load's cores were at most {busiest:.0%} busy.\n",
    )
    sys.stdout.write("\n".join(shown))
    keys = ("name", "found", "wanted", "met")
    content = {
        "rounds": rounds,
        "seconds": seconds,
        "load_busy_most": busiest,
        "ratios": [dict(zip(keys, goal, strict=True)) for goal in goals],
        "medians": _nested(medians),
        "values": _nested(figures),
    }
    report.save_measured("serving", content)


HEADINGS = {
    "one image JSON req/s": CASES[0], "one PNG req/s": CASES[1],
    "64 images JSON images/s": CASES[2], "64 images binary images/s": CASES[3],
    "p50 ms": f"{CASES[0]}, p50 ms", "p99 ms": f"{CASES[0]}, p99 ms",
    "first answer s": "first answer s", "RSS MB": "RSS MB",
}  # fmt: skip


def _row(who: str, medians: Mapping[tuple[str, str], float]) -> list[object]:
    values = [medians.get((who, what)) for what in HEADINGS.values()]
    return [who, *(None if one is None else _short(one) for one in values)]


def _short(value: float) -> object:
    return round(value, 2) if value < 10 else round(value)  # noqa: PLR2004 -- figures worth reading


def ratios(medians: Mapping[tuple[str, str], float]) -> list[tuple[str, float, str, bool]]:
    """Compare with what is to be reached: (name, found, wanted, met)."""
    us, peer = OURS, "plain FastAPI"
    least = [
        (f"{case} over plain FastAPI", medians[us, case] / medians[peer, case], wanted)
        for case, wanted in zip(CASES[:3], (5.0, 6.0, 4.0), strict=True)
    ]
    least += [
        (f"{CASES[3]} over the limit", medians[us, CASES[3]] / medians[LIMIT, CASES[3]], 0.88)
    ]
    least += [
        (
            f"{case}, two workers over one, {SATURATING} connections",
            medians[SECOND, f"{case}, saturated"] / medians[us, f"{case}, saturated"],
            1.7,
        )
        for case in CASES[:2]
        if (SECOND, f"{case}, saturated") in medians
    ]
    most = [
        ("p99 ms, one image, 16 connections", medians[us, f"{CASES[0]}, p99 ms"], 2.0),
        ("first answer s", medians[us, "first answer s"], 0.4),
        ("RSS MB of a worker", medians[us, "RSS MB"], 110.0),
    ]
    return [(name, found, f"≥ {wanted:g}", found >= wanted) for name, found, wanted in least] + [
        (name, found, f"≤ {wanted:g}", found <= wanted) for name, found, wanted in most
    ]


def _goal(name: str, found: float, wanted: str, met: bool) -> list[object]:  # noqa: FBT001 -- a row
    return [name, _short(found), wanted, "yes" if met else "no"]


def _nested(flat: Mapping[tuple[str, str], object]) -> dict[str, dict[str, object]]:
    out: dict[str, dict[str, object]] = {}
    for (who, what), value in flat.items():
        out.setdefault(who, {})[what] = value
    return out


if __name__ == "__main__":
    main()
