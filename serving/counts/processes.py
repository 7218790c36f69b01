"""What Prometheus' own clients say of a process, of all workers together: `process_…`.

Read from /proc when asked for; without /proc (not Linux) there is nothing to show.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from serving.counts.sheet import Sheet

PID = "worker_pid"
METRICS = (
    ("process_cpu_seconds_total", "counter", "Processor time of the workers."),
    ("process_resident_memory_bytes", "gauge", "Memory of the workers that is in RAM."),
    ("process_virtual_memory_bytes", "gauge", "Address space of the workers."),
    ("process_open_fds", "gauge", "File descriptors that the workers have open."),
    ("process_max_fds", "gauge", "File descriptors that the workers may open."),
    ("process_start_time_seconds", "gauge", "When the oldest worker started, in Unix time."),
)
_USER, _SYSTEM, _START, _VIRTUAL, _RESIDENT = 11, 12, 19, 20, 21  # after the name: proc(5), stat


@dataclass(frozen=True, slots=True)
class _Process:
    """In the order of METRICS."""

    cpu_s: float
    resident_bytes: float
    virtual_bytes: float
    open_files: float
    most_files: float
    started_s: float

    @property
    def values(self) -> tuple[float, ...]:
        return (
            *(self.cpu_s, self.resident_bytes, self.virtual_bytes),
            *(self.open_files, self.most_files, self.started_s),
        )


def render(sheet: Sheet) -> bytes:
    """In the text exposition format; empty where no worker can be read."""
    pids = [int(sheet.cells(worker, PID)[0]) for worker in range(sheet.workers)]
    found = [process for pid in pids if pid and (process := _read(pid))]
    if not found:
        return b""
    columns = list(zip(*[process.values for process in found], strict=True))
    totals = [*map(sum, columns[:-1]), min(columns[-1])]
    lines = []
    for (name, kind, text), total in zip(METRICS, totals, strict=True):
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", f"{name} {total:.17g}"]
    return ("\n".join(lines) + "\n").encode()


def _read(pid: int) -> _Process | None:
    folder = Path("/proc") / str(pid)
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        limits = (folder / "limits").read_text()
        files = sum(1 for _ in (folder / "fd").iterdir())
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if "btime" in line)
    except (OSError, StopIteration):
        return None
    tick = os.sysconf("SC_CLK_TCK")
    most = limits.partition("Max open files")[2].split()[0]
    return _Process(
        cpu_s=(int(fields[_USER]) + int(fields[_SYSTEM])) / tick,
        resident_bytes=int(fields[_RESIDENT]) * os.sysconf("SC_PAGE_SIZE"),
        virtual_bytes=int(fields[_VIRTUAL]),
        open_files=files,
        most_files=float(most) if most.isdigit() else float("inf"),
        started_s=int(boot.split()[1]) + int(fields[_START]) / tick,
    )
