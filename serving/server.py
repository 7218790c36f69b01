"""One worker from start to exit: listen, load, serve, follow the models, drain."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serving import cores
from serving.create import create_app
from serving.errors import ModelRefused
from serving.lifecycle.mirror import Mirror
from serving.lifecycle.watching import Watchers
from serving.models.lineup import Lineup, Role, Served
from serving.models.loading import Loader
from serving.models.model import Model
from serving.models.sources import source_of
from serving.operations.access import AccessLog
from serving.operations.health import Health
from serving.operations.metrics import LOADED, Recorder
from serving.operations.observing import Observe
from serving.settings import Settings
from serving.wire.listener import Listener
from serving.wire.reader import Limits

_log = logging.getLogger("serving")

MODEL_REFUSED = 3  # exit status


@dataclass(slots=True, frozen=True)
class Place:
    """Where this process stands: its socket, its row of counts, and who started it."""

    bound: socket.socket
    recorder: Recorder
    lifeline: int | None = None  # a pipe that ends when the supervisor dies
    mirror: Mirror | None = None  # keeps the files of registry addresses

    @property
    def speaks(self) -> bool:
        """One worker of several tells what all of them do."""
        return self.recorder.worker == 0


class _Stop:
    """SIGTERM: drain, then stop. SIGINT, or the supervisor's death: stop at once."""

    def __init__(self, lifeline: int | None) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.asked.set)
        loop.add_signal_handler(signal.SIGINT, self._now)
        if lifeline is not None:
            loop.add_reader(lifeline, self._now)
        self._lifeline = lifeline

    def _now(self) -> None:
        if self._lifeline is not None:
            asyncio.get_running_loop().remove_reader(self._lifeline)
        self.asked.set()
        self.at_once.set()


async def run(settings: Settings, place: Place) -> int:
    """Serve until a signal; returns the exit status."""
    stop = _Stop(place.lifeline)
    lineup = Lineup()
    health = Health(place.recorder.sheet)
    access = AccessLog() if settings.access_log else None
    app = create_app(settings, lineup, health, place.recorder, access)
    connections = place.recorder.counter("connections")
    listener = Listener(app, _limits(settings), place.bound, connections.add)
    if not place.recorder.counter(*LOADED).value:  # the first start: say that we are loading
        listener.start()
    loaders = _loaders(settings, lineup, place.recorder)
    try:
        watchers = await _follow_registry(place, stop.asked)
        for loader in loaders:
            await loader.start()  # the primary last: see LOADED
    except ModelRefused as error:
        if place.speaks:
            _log.error("%s", error)
        return MODEL_REFUSED
    listener.start()
    await _everyone(place.recorder, stop.asked)
    if place.speaks and not stop.asked.is_set():
        _announce(lineup, place.bound)
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
    await _end(listener, loaders, access, patience_s=settings.deadline + 1)
    return 0


async def _end(
    listener: Listener, loaders: list[Loader], access: AccessLog | None, *, patience_s: float
) -> None:
    """Answer everyone who was let in; then nothing runs any more."""
    await listener.finish(patience_s)
    for loader in loaders:
        await loader.close()
    if access is not None:
        access.flush()


async def _follow_registry(place: Place, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    """Wait for what a registry address means now; one worker keeps it so for all."""
    if place.mirror is None:
        return []
    following = [asyncio.create_task(place.mirror.keep())] if place.speaks else []
    await place.mirror.first(stop)
    return following


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
        all_bodies_bytes=max(settings.body_memory, settings.body_limit),
        header_s=settings.header_timeout,
        body_s=settings.body_timeout,
        idle_s=settings.idle_timeout,
    )


def _loaders(settings: Settings, lineup: Lineup, recorder: Recorder) -> list[Loader]:
    """Who loads what, in the order of loading: the primary last."""
    has_challenger = bool(settings.challenger)
    watchers = Watchers(recorder, share=settings.shadow if has_challenger else 0.0)

    def loader(
        address: str, role: Role, *, threads: int, also: Callable[[Model], Sequence[Observe]]
    ) -> Loader:
        return Loader(
            source_of(address),
            role,
            lineup,
            recorder,
            threads=threads,
            queue_items=settings.queue,
            deadline_s=settings.deadline,
            also=also,
        )

    threads = settings.threads or max(1, cores.available() // settings.workers)
    primary = loader(settings.model, Role.PRIMARY, threads=threads, also=watchers.of_primary)
    if not has_challenger:
        return [primary]
    challenger = loader(
        settings.challenger,
        Role.CHALLENGER,
        threads=1,  # the shadow's own, so that its low priority holds
        also=watchers.of_challenger,
    )
    return [challenger, primary]


def _announce(lineup: Lineup, bound: socket.socket) -> None:
    """Say what is served and where; then what nobody should miss about it."""
    host, port = bound.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    for served in lineup:
        facts = served.facts
        shown = ", ".join(facts.classes[:10]) + (", …" if len(facts.classes) > 10 else "")  # noqa: PLR2004 -- a line's worth
        role = "" if served.role is Role.PRIMARY else f" ({served.role.value})"
        _log.info(
            "model %s, version %s%s, %d classes (%s), %s",
            *(facts.name, facts.version, role, len(facts.classes), shown, address),
        )
        _warn_of_fallback(served)


def _warn_of_fallback(served: Served) -> None:
    dataset = served.facts.dataset
    if dataset.name != dataset.requested:
        rule = "!" * 78
        _log.warning(
            "%s\nThis model was trained on the fallback set %r instead of %r, which could not be "
            "fetched.\nIts answers are those of %r. `make refetch` tries again.\n%s",
            *(rule, dataset.name, dataset.requested, dataset.name, rule),
        )
