"""How much memory there is, and how a training step keeps its own for the next one.

glibc returns large blocks to the kernel as soon as they are free. A training step frees all of its
maps, and the next one is handed the same memory page by page, each filled with zeros by a fault.
"""

import ctypes

import torch

from contract import granted

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


def free_memory(device: torch.device) -> int:
    """Return bytes; for the CPU what Linux calls available, within the container's limit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return granted.free_memory()
