"""A call in a thread that nobody has to wait for: where it hangs, the process ends without it."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def detached(work: Callable[[], T]) -> T:
    """Give or raise what `work` does. Threads of a pool would be joined at the exit."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- whoever awaits it gets it
            future.set_exception(error)

    threading.Thread(target=run, name="detached", daemon=True).start()
    return await asyncio.wrap_future(future)
