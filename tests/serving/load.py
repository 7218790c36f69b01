"""Callers that keep a server busy, and what happens to it meanwhile."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tests.serving.live import Answer, NotAdmittedError, Server

Images = NDArray[np.uint8]


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until something that is bound to happen has happened."""
    last_s = time.monotonic() + 15
    while not holds():
        if time.monotonic() > last_s:
            raise AssertionError(f"not within 15 s: {what}")
        time.sleep(0.02)


def leave(client: socket.socket, how: str) -> None:
    """Close a connection: "reset" by RST, "end" by FIN."""
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


class Load:
    """Callers that ask without a pause and keep every answer, until the block ends."""

    def __init__(self, server: Server, image: Images, callers: int = 4) -> None:
        self.answers: list[Answer] = []
        self._server, self._image = server, image
        self._on = True
        self._threads = [threading.Thread(target=self._ask) for _ in range(callers)]

    def _ask(self) -> None:
        while self._on:
            try:
                self.answers.append(self._server.predict({"images": self._image.tolist()}))
            except NotAdmittedError:
                return

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        eventually(lambda: len(self.answers) > 20, "answers under load")
        return self

    def __exit__(self, *_: object) -> None:
        self._on = False
        for thread in self._threads:
            thread.join(20)

    @property
    def versions(self) -> set[str]:
        return {answer.json["model"]["version"] for answer in self.answers if answer.status == 200}


def replace(path: Path, content: bytes) -> None:
    """Write beside, then rename: as the stages do."""
    beside = path.with_name("new.onnx")
    beside.write_bytes(content)
    beside.rename(path)
