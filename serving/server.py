"""One worker from start to exit: listen, load, serve, follow the models, drain."""

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from contract import granted, lifeline
from serving.announcement import announce
from serving.counts.families import LOADED
from serving.counts.observing import Observe
from serving.counts.sheet import Recorder
from serving.create import create_app, create_v2
from serving.errors import HANGS, ModelRefused
from serving.grpc.port import port_of
from serving.keys import keys_of
from serving.models.lineup import Lineup, Role
from serving.models.loading import Loader
from serving.models.mirror import Mirror
from serving.models.model import Model
from serving.models.queueing import Bounds
from serving.models.sources import FileSource, source_of
from serving.operations.access import AccessLog
from serving.operations.health import Health
from serving.operations.heartbeat import Heartbeat
from serving.operations.lines import Lines
from serving.operations.proxies import Proxies
from serving.settings import Settings
from serving.watch.watching import Watchers
from serving.wire.budget import Budget
from serving.wire.limits import Limits
from serving.wire.listener import Listener

_log = logging.getLogger("serving")

MODEL_REFUSED = 3  # exit status
_LOADING_S = 2.0  # that a model's loading may go on after the signal to stop


@dataclass(slots=True, frozen=True)
class Place:
    """Where this process stands: its socket, its row of counts, and who started it."""

    bound: socket.socket
    log: Lines
    recorder: Recorder
    supervisor: int | None = None  # its process: this one ends with it
    mirror: Mirror | None = None  # keeps the files of registry addresses
    grpc: socket.socket | None = None  # holds the address of gRPC's own sockets

    @property
    def speaks(self) -> bool:
        """One worker of several tells what all of them do."""
        return self.recorder.worker == 0


class _Stop:
    """SIGTERM or SIGHUP: drain, then stop. SIGINT, or the supervisor's death: stop at once."""

    def __init__(self, supervisor: int | None) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.asked.set)
        loop.add_signal_handler(signal.SIGINT, self._now)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup starts it
            loop.add_signal_handler(signal.SIGHUP, self.asked.set)
        if supervisor is not None:
            lifeline.when_gone(
                partial(lifeline.is_child_of, supervisor),
                partial(loop.call_soon_threadsafe, self._now),
            )

    def _now(self) -> None:
        self.asked.set()
        self.at_once.set()


async def run(settings: Settings, place: Place) -> int:
    """Serve until a signal; returns the exit status."""
    stop = _Stop(place.supervisor)
    lineup = Lineup()
    health = Health(place.recorder.sheet)
    Heartbeat(lineup, health, place.recorder, after_s=settings.heartbeat)
    proxies = Proxies(settings.trusted_networks)
    access = AccessLog(place.log, proxies) if settings.access_log else None
    keys = keys_of(settings.api_key, settings.api_key_file)
    memory = Budget(max(settings.body_memory, settings.body_limit))
    v2 = create_v2(settings, lineup, place.recorder, memory)
    app = create_app(settings, lineup, health, place.recorder, access, memory, keys, v2)
    rpc = port_of(place.grpc, settings, v2, health, place.recorder, access, memory, keys)
    connections = place.recorder.counter("connections")
    listener = Listener(app, _limits(settings), memory, place.bound, connections.add)
    if not place.recorder.counter(*LOADED).value:  # the first start: say that we are loading
        listener.start()
    loaders = _loaders(settings, lineup, place.recorder)
    try:
        watchers = await _follow_registry(place, stop.asked)
        if not await _all_loaded(loaders, stop.asked):
            return 0
    except ModelRefused as error:
        if place.speaks:
            _log.error("%s", error)
        return MODEL_REFUSED
    listener.start()
    await rpc.start()
    await _everyone(place.recorder, stop.asked)
    if place.speaks and not stop.asked.is_set():
        announce(lineup, place.bound, place.grpc, max_pixels=settings.max_pixels)
    watchers.append(asyncio.create_task(keys.follow()))
    watchers += [
        asyncio.create_task(loader.watch(settings.watch)) for loader in loaders if settings.watch
    ]
    place.recorder.counter("ready_workers").set(1)
    await stop.asked.wait()
    place.recorder.counter("ready_workers").set(0)
    health.draining = True
    await _pause(stop.at_once, settings.drain)
    health.refusing = True
    for watcher in watchers:
        watcher.cancel()
    doors = (listener.finish, rpc.finish)
    return await _end(doors, loaders, access, patience_s=settings.deadline + 1)


async def _end(
    doors: Sequence[Callable[[float], Awaitable[None]]],
    loaders: list[Loader],
    access: AccessLog | None,
    *,
    patience_s: float,
) -> int:
    """Answer everyone who was let in; then nothing runs any more, or the status is HANGS."""
    status = 0
    await asyncio.gather(*[finish(patience_s) for finish in doors])
    try:
        async with asyncio.timeout(patience_s):
            for loader in loaders:
                await loader.close()
    except TimeoutError:
        _log.error("a run of the model did not return: it ends with this process")
        status = HANGS
    if access is not None:
        access.flush()
    return status


async def _follow_registry(place: Place, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    """Wait for what a registry address means now; one worker keeps it so for all."""
    if place.mirror is None:
        return []
    following = [asyncio.create_task(place.mirror.keep())] if place.speaks else []
    await place.mirror.first(stop)
    return following


async def _all_loaded(loaders: list[Loader], stop: asyncio.Event) -> bool:
    """False: asked to stop meanwhile; a file that hangs is left. Raises ModelRefused."""

    async def load() -> None:
        for loader in loaders:
            await loader.start()  # the primary last: see LOADED

    loading, stopped = asyncio.create_task(load()), asyncio.create_task(stop.wait())
    await asyncio.wait({loading, stopped}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait({loading}, timeout=_LOADING_S)
    stopped.cancel()
    if not loading.done():
        loading.cancel()
        _log.warning("stopped while a model was being loaded")
        return False
    loading.result()
    return True


async def _everyone(recorder: Recorder, stop: asyncio.Event) -> None:
    """Wait until every worker has loaded its model for the first time."""
    while not recorder.sheet.touched_by_all(*LOADED) and not stop.is_set():  # noqa: ASYNC110 -- processes
        await asyncio.sleep(0.005)


async def _pause(cut_short: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(cut_short.wait(), seconds)
    except TimeoutError:
        return


def _limits(settings: Settings) -> Limits:
    return Limits(
        body_bytes=settings.body_limit,
        header_s=settings.header_timeout,
        body_s=settings.body_timeout,
        idle_s=settings.idle_timeout,
    )


def _loaders(settings: Settings, lineup: Lineup, recorder: Recorder) -> list[Loader]:
    """Who loads what, in the order of loading: the primary last."""
    has_challenger = bool(settings.challenger)
    bounds = Bounds(
        slice_images=settings.slice,
        queue_images=settings.queue,
        deadline_s=settings.deadline,
        queue_bytes=settings.body_memory,
    )
    watchers = Watchers(recorder, share=settings.shadow if has_challenger else 0.0)

    def loader(
        source: FileSource, role: Role, *, threads: int, also: Callable[[Model], Sequence[Observe]]
    ) -> Loader:
        return Loader(
            source,
            role,
            lineup,
            recorder,
            threads=threads,
            bounds=bounds,
            also=also,
            name=settings.name,
        )

    threads = settings.threads or max(1, granted.cores() // settings.workers)
    first = source_of(settings.model, settings.variant)
    primary = loader(first, Role.PRIMARY, threads=threads, also=watchers.of_primary)
    if not has_challenger:
        return [primary]
    challenger = loader(
        source_of(settings.challenger),
        Role.CHALLENGER,
        threads=1,  # the shadow's own, so that its low priority holds
        also=watchers.of_challenger,
    )
    return [challenger, primary]
