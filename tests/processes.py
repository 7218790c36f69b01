"""Whether a process that somebody else ends has ended."""

import psutil


def is_alive(process: psutil.Process) -> bool:
    """Neither gone, also in this very moment, nor a zombie that nobody has asked about."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
