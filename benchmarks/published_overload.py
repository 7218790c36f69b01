"""The rows of docs/results.md about more load than a server can take."""

from collections.abc import Iterator, Mapping
from typing import Any

_OURS = "this server"
TEXT = """Requests at fixed times, more than this server can answer; one core for each server.
*Answers for its processor time* are compared with those of 64 callers who wait for each answer:
that is what others on the machine do not disturb."""


def rows(content: Mapping[str, Any]) -> Iterator[tuple[str | int | None, ...]]:
    """Above capacity: what share of it is answered, how late, and what is run in vain."""
    device, command = content["processor"], f"`{content['command']}`"
    for row in content["rows"]:
        if row["level"] <= 1:
            continue
        for name, found, unit, target in _figures(row, content["deadline_s"]):
            what = f"{row['case']}, {row['level']:g} times: {row['server']}, {name}"
            wanted = target if row["server"] == _OURS else None
            if wanted and not _meets(found, wanted):
                wanted += ": missed"
            yield what, f"{found:.2f}", None, 1, unit, wanted, device, command


def _figures(
    row: Mapping[str, Any], deadline_s: float
) -> Iterator[tuple[str, float, str, str | None]]:
    yield "answers for its processor time", row["answer_us"] / row["all_us"], "ratio", "≥ 0.9"
    yield "answered in time, of its capacity", row["answered"] / row["capacity"], "ratio", None
    yield "p99", row["p99_s"], "s", f"≤ {deadline_s:g}"
    if row["thrown_away"] is not None:
        yield "images run in vain", 100 * row["thrown_away"], "%", "≤ 3"


def _meets(found: float, target: str) -> bool:
    sign, bound = target.split()
    return found >= float(bound) if sign == "≥" else found <= float(bound)
