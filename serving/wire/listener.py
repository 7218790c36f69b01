"""Accept connections from a shared socket, keep their deadlines, end them in order."""

import asyncio
import socket
from collections.abc import Callable

from serving.wire.application import App
from serving.wire.budget import Budget
from serving.wire.closing import let_nobody_in
from serving.wire.connection import Connection
from serving.wire.limits import Limits

_SWEEP_S = 0.25
_LAST_WORDS_S = 0.1  # what is on its way when the end is decided is still let in, and refused
_NEWCOMERS_S = 1.0  # likewise, from who connected just before and has not spoken yet
_OUT_OF_FILES_S = 0.5  # rest after accept() failed for want of file descriptors


class Listener:
    """Serves `app` on an already bound socket, until asked to stop."""

    def __init__(
        self,
        app: App,
        limits: Limits,
        budget: Budget,
        bound: socket.socket,
        count_open: Callable[[int], None],
    ) -> None:
        self._app = app
        self._limits = limits
        self._socket = bound
        self._loop = asyncio.get_running_loop()
        self._budget = budget
        self._connections: set[Connection] = set()
        self._count_open = count_open
        self._opening: set[asyncio.Task[object]] = set()
        self._sweep: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to accept; a second call changes nothing."""
        if self._sweep is not None:
            return
        self._socket.setblocking(False)  # noqa: FBT003 -- the standard library's signature
        self._loop.add_reader(self._socket, self._accept)
        self._sweep = self._loop.call_later(_SWEEP_S, self._check_deadlines)

    def _accept(self) -> bool:
        """Take one connection a turn: requests that are here go before newcomers."""
        try:
            client, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return False
        except OSError:
            self._loop.remove_reader(self._socket)
            self._loop.call_later(_OUT_OF_FILES_S, self._accept_again)
            return False
        client.setblocking(False)  # noqa: FBT003 -- the standard library's signature
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task: asyncio.Task[object] = self._loop.create_task(self._open(client))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return True

    async def _open(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._connection, client)
        except OSError:
            client.close()

    def _connection(self) -> Connection:
        return Connection(
            self._app, self._limits, self._budget, self._connections, self._count_open
        )

    def _accept_again(self) -> None:
        if self._sweep is not None:
            self._loop.add_reader(self._socket, self._accept)

    def _check_deadlines(self) -> None:
        now_s = self._loop.time()
        for connection in list(self._connections):
            connection.check_deadline(now_s)
        self._sweep = self._loop.call_later(_SWEEP_S, self._check_deadlines)

    async def finish(self, patience_s: float) -> None:
        """Stop listening, answer who is owed an answer, then close every connection.

        Connections that wait in the socket are taken first: closing it would reset them. So are
        those whose handshake was under way.
        """
        start_s = self._loop.time()
        self._loop.remove_reader(self._socket)
        let_nobody_in(self._socket)
        while self._loop.time() < start_s + _LAST_WORDS_S:
            await asyncio.sleep(0.001)
            while self._accept():
                pass
        self._socket.close()
        while self._waits(self._loop.time() - start_s, patience_s):  # noqa: ASYNC110 -- once in a life
            await asyncio.sleep(0.01)
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in list(self._connections):
            connection.close_if_idle()
        await asyncio.sleep(0.01)  # let the last bytes out

    def _waits(self, waited_s: float, patience_s: float) -> bool:
        if waited_s < _NEWCOMERS_S and any(peer.fresh for peer in self._connections):
            return True
        return waited_s < patience_s and any(peer.busy for peer in self._connections)
