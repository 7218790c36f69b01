"""A benchmark's two outputs: a Markdown table for people, sorted JSON for whoever checks it."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out as Markdown; None becomes a dash."""
    lines = [headings, ["---"] + ["---:"] * (len(headings) - 1), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def save(name: str, content: Mapping[str, object]) -> Path:
    """Write `results/<name>.json` whole or not at all."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    beside.rename(path)
    return path


def processor() -> str:
    """Name the processor, and how many of its cores this process may use."""
    cores = len(os.sched_getaffinity(0))
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{line.partition(':')[2].strip()}, {cores} cores"
    return f"{cores} cores"
