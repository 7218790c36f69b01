"""Keeps the memory of a training step for the next one, where the C library would give it back.

glibc returns large blocks to the kernel as soon as they are free. A training step frees all of its
maps, and the next one is handed the same memory page by page, each filled with zeros by a fault.
"""

import ctypes

# Parameters of mallopt(3), malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 1 << 30  # bytes at the heap's end that stay with the process
LARGEST = 1 << 25  # bytes, the most that glibc lets M_MMAP_THRESHOLD be


def keep_freed_memory() -> bool:
    """Ask for it; say whether the C library could be asked: others than glibc have no mallopt."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all([mallopt(M_TRIM_THRESHOLD, KEPT), mallopt(M_MMAP_THRESHOLD, LARGEST)])
