"""A source becomes a served model: read, checked and warmed up in a thread, then swapped in."""

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from serving.batching.batcher import Batcher
from serving.counts.observing import Observe, observer, together
from serving.counts.sheet import Recorder
from serving.detached import detached
from serving.errors import ModelRefused
from serving.models.lineup import Lineup, Role, Served
from serving.models.model import Model, load
from serving.models.queueing import Bounds, batcher_of, seconds_of, tally_of
from serving.models.sources import FileSource

_log = logging.getLogger("serving")

_SETTLE_S = 0.1  # without a change: the file is whole
_RETIRE_S = 5.0  # a request may have picked the old model and still be decoding its pictures

# Objects made and not freed before the collector looks for circles. Requests make none, but with
# hundreds in flight the usual 700 let it look at all of them again and again (512 callers: 16 % of
# the processor's time).
_COLLECT = (20_000, 20, 50)


class Loader:
    """Keeps one role of the lineup filled from one source."""

    def __init__(  # noqa: PLR0913 -- values, not the settings object
        self,
        source: FileSource,
        role: Role,
        lineup: Lineup,
        recorder: Recorder,
        *,
        threads: int,
        bounds: Bounds,
        also: Callable[[Model], Sequence[Observe]],
        name: str = "",
    ) -> None:
        self._source = source
        self._role = role
        self._lineup = lineup
        self._recorder = recorder
        self._threads = threads
        self._bounds = bounds
        self._also = also  # who else looks at what each new model answers
        self._name = name  # under which it is served; empty: the file's own
        self._tried: str | None = None  # mark of what was loaded or refused last
        self._retired: set[Batcher] = set()

    async def start(self) -> Served:
        """Load for the first time; raises ModelRefused, which then names the role."""
        try:
            return self._swap(*await self._load())
        except ModelRefused as error:
            raise ModelRefused(f"the {self._role.value} model {error}") from None

    async def watch(self, interval_s: float) -> None:
        """Follow the source for ever: a good file takes over, a bad one is counted and left."""
        seen = await detached(self._source.mark)
        while True:
            await asyncio.sleep(interval_s)
            mark = await detached(self._source.mark)
            while mark != seen:  # a file that is being copied is left alone
                await asyncio.sleep(min(interval_s, _SETTLE_S))
                seen, mark = mark, await detached(self._source.mark)
            if mark is not None and mark != self._tried:
                await self._reload()

    async def _load(self) -> tuple[Model, Mapping[int, float]]:
        """Give the model, and the seconds that runs of it take."""
        return await detached(self._read)

    def _read(self) -> tuple[Model, Mapping[int, float]]:
        mark = self._source.mark()
        content, variant_of = self._source.served()
        self._tried = mark  # could be read: whether it is refused is a matter of its content
        model = load(content, threads=self._threads, variant_of=variant_of)
        if self._name:
            model.facts = replace(model.facts, name=self._name)
        return model, seconds_of(model, self._bounds)

    async def _reload(self) -> None:
        current = self._lineup.of(self._role)
        try:
            model, seconds = await self._load()
            if current is not None and (unlike := model.facts.unlike(current.facts)):
                raise ModelRefused(f"has {unlike}: restart the server to serve it")  # noqa: TRY301 -- as if load had
        except (ModelRefused, MemoryError) as error:
            if isinstance(error, MemoryError):
                self._tried = None  # there may be room later
            self._recorder.counter("model_load_failures_total", self._role.value).add()
            _log.warning("new %s model refused, the old one stays: it %s", self._role.value, error)
            return
        if current is None or model.facts.version != current.facts.version:
            served = self._swap(model, seconds)
            _log.info("%s model is now %s", self._role.value, served.facts.version)

    def _swap(self, model: Model, seconds: Mapping[int, float]) -> Served:
        role = self._role.value
        batcher = batcher_of(
            model,
            seconds,
            self._bounds,
            observe=together(
                model.facts.parts,
                observer(self._recorder, role, least=model.facts.least_familiarity),
                *self._also(model),
            ),
            tally=tally_of(self._recorder, role),
        )
        served = Served(self._role, model, batcher)
        before = self._lineup.put(served)
        self._recorder.counter("model_loads_total", role).add()
        self._recorder.counter("model_version", role).set(int(model.facts.version, 16))
        if before is not None:
            self._retired.add(before.batcher)
            loop = asyncio.get_running_loop()
            loop.call_later(_RETIRE_S, lambda: loop.create_task(self._retire(before.batcher)))
        gc.collect()
        gc.freeze()  # what a model leaves behind lives as long as it does: no pause walks over it
        gc.set_threshold(*_COLLECT)
        return served

    async def _retire(self, batcher: Batcher) -> None:
        await batcher.close()
        self._retired.discard(batcher)

    async def close(self) -> None:
        """Answer everyone who still waits, in the current model's queue and in retired ones."""
        current = self._lineup.of(self._role)
        for batcher in [*self._retired, *([current.batcher] if current else [])]:
            await batcher.close()
