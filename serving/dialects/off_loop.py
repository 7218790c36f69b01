"""Reading what came: at once where it is short, in a thread where others would wait for it."""

import asyncio
from collections.abc import Callable, Sized
from typing import Concatenate, ParamSpec, TypeVar

from serving.dialects.json_numbers import AT_ONCE_BYTES

C = TypeVar("C", bound=Sized)
P = ParamSpec("P")
T = TypeVar("T")


async def off_loop(
    read: Callable[Concatenate[C, P], T], content: C, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Give what `read` makes of the content."""
    if len(content) <= AT_ONCE_BYTES:
        return read(content, *args, **kwargs)
    return await asyncio.to_thread(read, content, *args, **kwargs)
