"""Large arrays → bytes in pieces, in a thread: no piece keeps the event loop waiting for long.

An encoder holds the interpreter for as long as one call of it takes, in whatever thread.
"""

import asyncio
from collections.abc import Callable, Iterator
from math import prod
from typing import TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

T = TypeVar("T")

AT_ONCE = 32 << 10  # numbers: some milliseconds of JSON
_BYTES = 1 << 20


async def made(make: Callable[[], T], *, numbers: int) -> T:
    """At once where it is quick, else in a thread."""
    return make() if numbers <= AT_ONCE else await asyncio.to_thread(make)


def blocks(array: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Cut along the first axis."""
    step = max(1, AT_ONCE // max(1, prod(array.shape[1:])))
    for start in range(0, len(array), step):
        yield array[start : start + step]


def json_items(array: NDArray[np.float32]) -> Iterator[bytes]:
    """The items of a JSON list, with their commas, without its brackets."""
    comma = b""
    for block in blocks(np.ascontiguousarray(array)):
        yield comma + orjson.dumps(block, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
        comma = b","


def append(body: bytearray, content: bytes | memoryview) -> None:
    for start in range(0, len(content), _BYTES):
        body += content[start : start + _BYTES]
