"""What the watch for drift and the shadow of a challenger cost the server, in one run.

`python -m benchmarks.watching` needs models/model.onnx (or --model), wrk and two cores: one for
the server, one for the load. Rounds alternate between plain, watched and shadowed servers.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import onnx
import psutil

from benchmarks import report, wrk
from benchmarks.peers import BATCH, CASES, binary, ours
from benchmarks.running import Running, free_port, running
from benchmarks.serving import WARM_UP_S, prepare

CONNECTIONS = 16
ONE, MANY, ONE_BINARY = CASES[0], CASES[3], "one image binary, V2"
BOUNDS = {"processor time of a watched request": 1.03, "p99 beside a shadow": 1.10}


@dataclass(frozen=True)
class Cost:
    """Of one measurement."""

    cpu_us: float  # of the server, a request
    p99_ms: float
    requests_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/model.onnx"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--cores", type=int, nargs=2, default=[0, 1], help="server's, load's")
    asked = parser.parse_args()
    figures: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = unwatched(asked.model, folder / "plain.onnx")
        flags = {
            "plain": (plain, []),
            "watched": (asked.model, []),
            "shadowed": (plain, ["--challenger", str(asked.model.resolve())]),
        }
        for number in range(asked.rounds):
            sys.stderr.write(f"round {number + 1} of {asked.rounds}\n")
            for who, (model, more) in flags.items():
                with served(model, more, folder, asked.cores[0]) as (process, calls):
                    for case in (ONE, MANY):
                        cost = measured(
                            process, calls[case], folder=folder, core=asked.cores[1],
                            seconds=asked.seconds,
                        )  # fmt: skip
                        figures[who, case].append(cost)
    publish(figures, rounds=asked.rounds, seconds=asked.seconds)


def measured(  # noqa: PLR0913 -- keyword-only choices of one measurement
    process: Running,
    call: wrk.Call,
    *,
    folder: Path,
    core: int,
    seconds: float,
    connections: int = CONNECTIONS,
) -> Cost:
    """Processor time is the server's own: a busy machine slows a server, and hardly changes it.

    The first second is not measured: after a pause, the watch looks at more than its part of the
    time (serving.watch.drift.BURST_S).
    """
    run = partial(wrk.run, process.url, call, folder=folder, cores=[core], connections=connections)
    run(seconds=WARM_UP_S)
    before = sum(psutil.Process(process.pid).cpu_times()[:2])
    load = run(seconds=seconds)
    spent = sum(psutil.Process(process.pid).cpu_times()[:2]) - before
    return Cost(spent / (load.requests_s * seconds) * 1e6, load.p99_ms, load.requests_s)


def unwatched(model: Path, target: Path) -> Path:
    """The same network without reference histograms: nothing to watch."""
    found = onnx.load(model)
    for entry in found.metadata_props:
        if entry.key == "statistics":
            entry.value = json.dumps({**json.loads(entry.value), "reference": None})
    onnx.save(found, target)
    return target


@contextmanager
def served(
    model: Path, flags: list[str], folder: Path, core: int
) -> Iterator[tuple[Running, dict[str, wrk.Call]]]:
    bench = prepare(model.resolve(), folder, 1.0, [core, core])
    port = free_port()
    peer = ours(bench.model, bench.images, port)
    peer = replace(peer, command=(*peer.command, *flags))
    first = peer.calls[CASES[0]]
    packed = {"Content-Type": "application/octet-stream"}
    named = binary(bench.images[:1])
    calls = {
        ONE: first,
        MANY: wrk.Call("/predict", packed, bench.images.tobytes(), BATCH),
        ONE_BINARY: replace(named, path=named.path.format(name=bench.name)),
    }
    one = bench.expected[:1]
    log = folder / "log"
    with running(peer, port=port, cores=[core], first=first, expected=one, log=log) as process:
        yield process, calls


def publish(figures: dict[tuple[str, str], list[Cost]], *, rounds: int, seconds: float) -> None:
    """Medians over rounds, and ratios of a round's servers to its plain one."""
    rows, found = [], {}
    for (who, case), costs in figures.items():
        pairs = list(zip(costs, figures["plain", case], strict=True))
        numbers = {
            "cpu_us": median(cost.cpu_us for cost in costs),
            "p99_ms": median(cost.p99_ms for cost in costs),
            "cpu_ratio": median(cost.cpu_us / plain.cpu_us for cost, plain in pairs),
            "p99_ratio": median(cost.p99_ms / plain.p99_ms for cost, plain in pairs),
        }
        rows.append((who, case, *(f"{number:.3g}" for number in numbers.values())))
        found[f"{who}: {case}"] = numbers
    heads = (
        "server",
        "case",
        "processor us / request",
        "p99 ms",
        "processor / plain",
        "p99 / plain",
    )
    sys.stdout.write(report.table(heads, rows))
    sys.stdout.write(f"wanted at most: {BOUNDS}; {rounds} rounds of {seconds:g} s\n")
    content = {
        "rounds": rounds,
        "seconds": seconds,
        "found": found,
    }
    report.save_measured("watching", content)


if __name__ == "__main__":
    main()
