"""A benchmark's two outputs: a Markdown table for people, sorted JSON for whoever checks it."""

import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from contract.files import write_bytes, write_json

RESULTS = Path(__file__).parent / "results"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out as Markdown; None becomes a dash."""
    lines = [headings, ["---"] + ["---:"] * (len(headings) - 1), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def save(name: str, content: Mapping[str, object]) -> None:
    """Write results/NAME.json."""
    write_json(RESULTS / f"{name}.json", content)


def save_measured(name: str, content: Mapping[str, object]) -> None:
    """Write results/NAME.json of `python -m benchmarks.NAME`, with the processor it ran on."""
    origin = {"command": f"python -m benchmarks.{name}", "processor": cores()}
    save(name, {**origin, **content})


def page(name: str, title: str, rows: str, where: Mapping[str, object], command: str) -> None:
    """Write results/NAME.md, a table with what it was measured on and by; show it."""
    note = f"{where['device']}, {threads(where['threads'])}, torch {where['torch']}; `{command}`."
    text = f"# {title}\n\n{rows}\n{note}\n"
    write_bytes(RESULTS / f"{name}.md", text.encode())
    sys.stdout.write(text)


def threads(count: object) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def processor() -> str:
    """Name the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))


def cores() -> str:
    """Name the processor, and how many of its cores this process may use."""
    return f"{processor()}, {len(os.sched_getaffinity(0))} cores"
