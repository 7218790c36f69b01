"""How many cores this process may really use: affinity and cgroup quota, not the machine's."""

import math
import os
from pathlib import Path

_CGROUP_2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_1 = Path("/sys/fs/cgroup/cpu")


def available(quota: float | None = None) -> int:
    """At least 1; `quota` in cores stands in for what the cgroup says."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    limit = cgroup_quota(_CGROUP_2, _CGROUP_1) if quota is None else quota
    return max(1, min(cores, math.ceil(limit)) if limit else cores)


def cgroup_quota(version_2: Path, version_1: Path) -> float | None:
    """Cores granted by the scheduler's quota; None: no quota, or no cgroup."""
    try:
        if version_2.exists():
            quota, period = version_2.read_text().split()
        else:
            quota = (version_1 / "cpu.cfs_quota_us").read_text()
            period = (version_1 / "cpu.cfs_period_us").read_text()
        return float(quota) / float(period) if float(quota) > 0 else None
    except (OSError, ValueError):  # "max" is no number either
        return None
