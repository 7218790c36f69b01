"""What comes of more than a server can do, here and elsewhere: `python -m benchmarks.overload`.

Needs wrk and two cores: one for the server (one thread), one for the load. Each server's capacity
is what 64 callers get who wait for each answer; then requests come at fixed times, at 0.5 to 5
times the capacity of this project's server, whatever becomes of those before. Who has no answer
after the deadline gives up. Nets have random weights, exported by the pipeline.

`by processor`: answers for a second of the server's processor time, over those of the 64 callers;
on a machine that others use, too, it says what `of capacity` would say on a quiet one.
"""

import argparse
import base64
import json
import os
import re
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import psutil

from benchmarks import report, wrk
from benchmarks.open_loop import OpenLoop, Outcome, request
from benchmarks.peers import AS_JSON, AS_RAW, Peer, read_fastapi, read_ours
from benchmarks.running import Running, free_port, running
from benchmarks.untrained import exported

DEADLINE_S = 10.0
LEVELS = (0.5, 0.9, 1.2, 2.0, 5.0)  # times the capacity of this server
CALLERS = 64  # of whom each waits for its answer: so many keep any of the servers busy
CAPACITY_S = 4.0
REFUSALS_S = 20_000.0  # a second, more than there can be, to see what one costs
OURS = "this server"
_RUN = re.compile(r"serving_images_total\{[^}]*\} (\d+)")


@dataclass(frozen=True)
class Case:
    name: str
    net: str
    channels: int
    size: int
    images: int
    connections: int  # at most; a caller who finds none free is not heard
    part: float = 1.0  # of --seconds: a light net shows sooner what it does


CASES = (
    Case("resnet18 at 224 px, one image", "resnet18", 3, 224, 1, 4096),
    Case("LeNet, 64 images", "lenet", 1, 28, 64, 4096, 0.5),
    Case("LeNet, one image", "lenet", 1, 28, 1, 512, 0.5),
)


@dataclass(frozen=True)
class Bench:
    """What stays the same through a run."""

    folder: Path
    seconds: float
    cores: tuple[int, int]
    litserve: str  # an interpreter that has it; empty: none


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each level")
    parser.add_argument("--cores", type=int, nargs=2, default=[0, 1], help="server's, load's")
    parser.add_argument("--cases", type=int, nargs="+", default=[0, 1, 2], help="0: the first")
    parser.add_argument("--litserve", default="", help="an interpreter that has LitServe")
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), asked.seconds, tuple(asked.cores), asked.litserve)
        os.sched_setaffinity(0, {bench.cores[1]})
        for case in (CASES[index] for index in asked.cases):
            rows += measured(case, bench)
    publish(rows, seconds=asked.seconds)


def measured(case: Case, bench: Bench) -> Iterator[dict[str, Any]]:
    """One row for each server and level, this server first: its capacity is the measure."""
    model = bench.folder / f"{case.net}.onnx"
    if not model.exists():
        model.write_bytes(exported(case.net, channels=case.channels, size=case.size))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    shape = (case.images, case.channels, case.size, case.size)
    images = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    (expected,) = session.run(["probabilities"], {"images": images})
    del session
    offered = 0.0
    port = free_port()
    for peer in peers(model, images.tobytes(), case.images, port, bench.litserve):
        with running(
            peer, port=port, cores=[bench.cores[0]], first=peer.calls["raw"], expected=expected,
            log=bench.folder / "log",
        ) as server:  # fmt: skip
            spent_s = processor_s(server)
            capacity = wrk.run(
                server.url, peer.calls["raw"], folder=bench.folder, cores=[bench.cores[1]],
                connections=CALLERS, seconds=CAPACITY_S,
            ).requests_s  # fmt: skip
            answer_s = (processor_s(server) - spent_s) / (capacity * CAPACITY_S)
            offered = offered or capacity
            refusal_s = cost_of_refusal(server, port, peer.calls["raw"])
            for level in (one for one in LEVELS if one > 1 or peer.name == OURS):
                sys.stderr.write(f"{case.name}, {peer.name}, {level} x {offered:.0f}/s\n")
                loop = OpenLoop(
                    port, request(peer.calls["raw"], peer.calls["raw"].path),
                    patience_s=DEADLINE_S, most=case.connections,
                )  # fmt: skip
                yield {
                    "case": case.name, "server": peer.name, "level": level, "capacity": capacity,
                    "refusal_us": refusal_s * 1e6, "answer_us": answer_s * 1e6,
                    **at_level(server, peer, loop, level * offered, bench.seconds * case.part),
                }  # fmt: skip


def peers(model: Path, body: bytes, images: int, port: int, litserve: str) -> Iterator[Peer]:
    call = wrk.Call("/predict", AS_RAW, body, images)
    flags = ("--model", str(model), "--port", str(port), "--threads", "1", "--no-access-log")
    deadline = ("--deadline", f"{DEADLINE_S:g}")
    ours = (sys.executable, "-m", "serving", *flags, *deadline)
    yield Peer(OURS, ours, {}, {"raw": call}, read_ours)
    variables = {"MODEL": str(model)}
    plain = ("uvicorn", "benchmarks.fastapi_peer:app", "--log-level", "warning", "--port")
    raw = replace(call, path="/predict/raw")
    yield Peer(
        "plain FastAPI",
        (sys.executable, "-m", *plain, str(port)),
        variables,
        {"raw": raw},
        read_fastapi,
    )
    if litserve:
        packed = json.dumps({"images": base64.b64encode(body).decode()}).encode()
        coded = wrk.Call("/predict", AS_JSON, packed, images)
        alone = (litserve, "-m", "benchmarks.litserve_peer", str(port))
        yield Peer("LitServe", alone, variables, {"raw": coded}, read_fastapi)


def at_level(
    server: Running, peer: Peer, loop: OpenLoop, rate: float, seconds: float
) -> dict[str, Any]:
    run_before, spent_s = images_run(server) if peer.name == OURS else 0, processor_s(server)
    found = loop.run(rate, seconds)
    loop.close()
    spent_s = processor_s(server) - spent_s
    return {
        "all_us": 1e6 * spent_s / max(1, found.statuses[200]),  # for an answer, refusals and all
        "offered": found.offered / seconds,
        "answered": found.answered_s,
        "p99_s": found.p99_s,
        "refused": found.statuses[503] / seconds,
        "late": found.statuses[504] / seconds,
        "other": _others(found) / seconds,
        "gave_up": found.gave_up / seconds,
        "unsent": found.unsent / seconds,
        "thrown_away": _thrown_away(server, found, peer.calls["raw"], run_before)
        if peer.name == OURS
        else None,
    }


def _others(found: Outcome) -> int:
    known = found.statuses[200] + found.statuses[503] + found.statuses[504]
    return found.broken + found.statuses.total() - known


def _thrown_away(server: Running, found: Outcome, call: wrk.Call, before: int) -> float:
    """Share of the images run whose callers got no answer."""
    ran = images_run(server) - before
    return max(0.0, 1 - found.statuses[200] * call.images / ran) if ran else 0.0


def images_run(server: Running) -> int:
    with urllib.request.urlopen(server.url + "/metrics", timeout=20) as reply:  # noqa: S310 -- loopback
        counted = _RUN.search(reply.read().decode())
    return int(counted[1]) if counted else 0


def cost_of_refusal(server: Running, port: int, call: wrk.Call) -> float:
    """Processor seconds of the server for a request to a path that there is not."""
    loop = OpenLoop(port, request(call, "/nowhere"), patience_s=DEADLINE_S, most=CALLERS)
    before = processor_s(server)
    found = loop.run(REFUSALS_S, 1.0)
    loop.close()
    return (processor_s(server) - before) / max(1, found.statuses.total())


def processor_s(server: Running) -> float:
    """Of the server and its children: what others on the machine take is not in it."""
    process = psutil.Process(server.pid)
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


def ceiling(row: dict[str, Any]) -> float:
    """Answers a second that are possible: refusals cost time, too."""
    offered, answer_s, refusal_s = row["offered"], 1 / row["capacity"], row["refusal_us"] / 1e6
    possible = (1 - offered * refusal_s) / (answer_s - refusal_s)
    return float(offered if offered * answer_s <= 1 else max(0.0, possible))


HEADINGS = (
    *("server", "load", "offered/s", "in time/s", "of capacity", "of ceiling", "by processor"),
    *("p99 s", "503/s", "504/s", "gave up/s", "not sent/s", "other/s", "run in vain %"),
)


def publish(rows: list[dict[str, Any]], *, seconds: float) -> None:
    for case in dict.fromkeys(row["case"] for row in rows):
        table = report.table(HEADINGS, [_cells(row) for row in rows if row["case"] == case])
        sys.stdout.write(f"## {case}\n\n{table}\n")
    sys.stdout.write(f"{report.cores()}; {seconds:g} s a level; deadline {DEADLINE_S:g} s\n")
    content = {
        "seconds": seconds,
        "deadline_s": DEADLINE_S,
        "rows": [{**row, "ceiling": ceiling(row)} for row in rows],
    }
    report.save_measured("overload", content)


def _cells(row: dict[str, Any]) -> list[object]:
    thrown = row["thrown_away"]
    return [
        *(row["server"], f"{row['level']:g} x", round(row["offered"]), f"{row['answered']:.1f}"),
        f"{row['answered'] / row['capacity']:.2f}",
        f"{row['answered'] / ceiling(row):.2f}" if ceiling(row) else None,
        f"{row['answer_us'] / row['all_us']:.2f}",
        f"{row['p99_s']:.2f}",
        *(f"{row[name]:.1f}" for name in ("refused", "late", "gave_up", "unsent", "other")),
        None if thrown is None else f"{100 * thrown:.1f}",
    ]


if __name__ == "__main__":
    main()
