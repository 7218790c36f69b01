"""Limits of cgroups, wherever they stand."""

import os
from pathlib import Path

import pytest

from contract.granted import System, cores, free_memory

ALLOWED = len(os.sched_getaffinity(0))


@pytest.fixture
def system(tmp_path: Path) -> System:
    """Give a system whose process is in /a.slice/b.service, and which has no limit yet."""
    (tmp_path / "cgroups" / "a.slice" / "b.service").mkdir(parents=True)
    (tmp_path / "self").write_text("0::/a.slice/b.service\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    return System(tmp_path / "cgroups", tmp_path / "self", tmp_path / "meminfo")


def test_without_a_limit_the_affinity_counts(system: System) -> None:
    """No file, the word max and -1 mean no quota."""
    assert cores(system) == ALLOWED
    (system.cgroups / "a.slice" / "cpu.max").write_text("max 100000\n")
    assert cores(system) == ALLOWED
    assert cores() <= ALLOWED


@pytest.mark.parametrize("folder", ["", "a.slice", "a.slice/b.service"])
@pytest.mark.parametrize(
    ("quota", "expected"), [("50000", 1), ("100000", 1), ("150000", min(2, ALLOWED))]
)
def test_a_quota_counts_wherever_it_stands(
    system: System, folder: str, quota: str, expected: int
) -> None:
    """At the root of the mount, or in a slice, or in the service; a part of a core is a thread."""
    (system.cgroups / folder / "cpu.max").write_text(f"{quota} 100000\n")
    assert cores(system) == expected


def test_the_first_version_of_cgroups(system: System) -> None:
    """Each controller has its own tree; a path of the host's that is not seen here is passed."""
    system.process.write_text("5:memory:/docker/1234\n4:cpu,cpuacct:/docker/1234\n")
    folder = system.cgroups / "cpu"
    folder.mkdir()
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert cores(system) == ALLOWED
    (folder / "cpu.cfs_quota_us").write_text("20000\n")
    assert cores(system) == 1
    folder = system.cgroups / "memory"
    folder.mkdir()
    (folder / "memory.limit_in_bytes").write_text("1000\n")
    (folder / "memory.usage_in_bytes").write_text("700\n")
    (folder / "memory.stat").write_text("total_inactive_file 100\n")
    assert free_memory(system) == 400


@pytest.mark.parametrize(
    ("limit", "left"), [("1000\n", 500), ("max\n", 8000 << 10), ("600\n", 100)]
)
@pytest.mark.parametrize("folder", ["", "a.slice/b.service"])
def test_a_limit_of_memory_counts(system: System, folder: str, limit: str, left: int) -> None:
    """Less what is used, plus the pages of files that the kernel would take back."""
    (system.cgroups / folder / "memory.max").write_text(limit)
    (system.cgroups / folder / "memory.current").write_text("700\n")
    stat = "anon 300\ninactive_file 200\nactive_file 200\n"
    (system.cgroups / folder / "memory.stat").write_text(stat)
    assert free_memory(system) == left


def test_a_system_that_says_nothing(tmp_path: Path) -> None:
    """A core by the affinity, a quarter of the memory."""
    nothing = System(tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert cores(nothing) == ALLOWED
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert free_memory(nothing) == whole // 4
