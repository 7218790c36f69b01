"""Pillow's warnings about odd files, silent while a thread reads, and in that thread alone.

warnings.catch_warnings changes the filters of all threads, and undoes others' changes when
threads overlap. Here one filter stays in place whose category matches while this thread reads.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class _Here(threading.local):
    depth = 0


_here = _Here()
_lock = threading.Lock()


class _InReadingThreads(type):
    def __subclasscheck__(cls, subclass: type) -> bool:
        return _here.depth > 0


class _WhileReading(Warning, metaclass=_InReadingThreads):
    """Any warning at all, in a thread that reads; none elsewhere."""


@contextmanager
def warnings_ignored() -> Iterator[None]:
    with _lock:
        if not any(entry[2] is _WhileReading for entry in warnings.filters):
            _here.depth += 1  # simplefilter asks whether it is a warning
            try:
                warnings.simplefilter("ignore", _WhileReading)
            finally:
                _here.depth -= 1
    _here.depth += 1
    try:
        yield
    finally:
        _here.depth -= 1
