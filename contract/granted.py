"""What the system grants this process: cores and memory, the limits of its cgroups included.

A limit stands in the process's own cgroup or in any above it, and the nearest ones are not always
at the root of the mount: systemd's `CPUQuota=` is a service's own.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_UNLIMITED = 1 << 62


@dataclass(frozen=True)
class System:
    """Where Linux tells of itself."""

    cgroups: Path = field(default=Path("/sys/fs/cgroup"))
    process: Path = field(default=Path("/proc/self/cgroup"))
    memory: Path = field(default=Path("/proc/meminfo"))


_THIS = System()


def cores(system: System = _THIS) -> int:
    """At least 1; a part of a core counts as one, or it would stay unused."""
    has_affinity = hasattr(os, "sched_getaffinity")
    allowed = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    quota = min(_quotas(system), default=math.inf)
    return max(1, min(allowed, math.ceil(quota)) if quota < allowed else allowed)


def free_memory(system: System = _THIS) -> int:
    """Bytes up to the nearest limit; pages of files count as free, for the kernel takes them back.

    A quarter of all memory where the system does not say.
    """
    return min([_available(system.memory), *map(_left, _folders(system, "memory"))])


def _available(meminfo: Path) -> int:
    try:
        sizes = dict(line.split(":") for line in meminfo.read_text("ascii").splitlines())
        return int(sizes["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4


def _left(folder: Path) -> int:
    """Bytes below the limit of one cgroup, of either version."""
    for limit, used, files in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            most = int((folder / limit).read_text("ascii"))
            held = int((folder / used).read_text("ascii"))
            lines = (folder / "memory.stat").read_text("ascii").splitlines()
            return max(0, most - held + int(dict(line.split() for line in lines)[files]))
        except (OSError, KeyError, ValueError):  # no such file, or "max"
            continue
    return _UNLIMITED


def _quotas(system: System) -> Iterator[float]:
    """Cores, of each cgroup that has a quota."""
    for folder in _folders(system, "cpu"):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text("ascii").split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text("ascii")
                period = (folder / "cpu.cfs_period_us").read_text("ascii")
            if float(quota) > 0:
                yield float(quota) / float(period)
        except (OSError, ValueError):  # no such file, or "max"
            continue


def _folders(system: System, controller: str) -> Iterator[Path]:
    """The process's own cgroup and all above it, as far as they can be seen from here."""
    for version, path in _memberships(system.process, controller):
        root = system.cgroups if version == 2 else system.cgroups / controller  # noqa: PLR2004 -- of cgroups
        own = PurePosixPath(path.lstrip("/"))
        for folder in (own, *own.parents):
            if (root / folder).is_dir():
                yield root / folder


def _memberships(process: Path, controller: str) -> Iterator[tuple[int, str]]:
    """Versions and paths, from lines like `0::/a.slice/b.service` or `4:cpu,cpuacct:/a`."""
    try:
        lines = process.read_text().splitlines()
    except OSError:
        lines = []
    found = False
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" or controller in controllers.split(","):
            found = True
            yield (2 if number == "0" else 1), path
    if not found:
        yield from ((2, "/"), (1, "/"))
