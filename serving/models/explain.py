"""Layer activations on request: loaded on first use, run in a thread apart, a few at a time.

Predictions do not pass through here, and nothing here holds more than one run's numbers.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from contract.arrays import Images
from contract.sidecars import ACTIVATIONS
from serving.errors import BadRequest, ModelRefused, Unavailable
from serving.models.activations import Activations, Array, load_activations
from serving.models.lineup import Served
from serving.models.sources import FileSource

_MOST_WAITING = 16  # requests
_MOST_KEPT = 2  # files: the primary's and the challenger's
T = TypeVar("T")


class Explainers:
    """Belongs to the running event loop, as the lineup does."""

    def __init__(self, source: Callable[[Served], FileSource], *, enabled: bool) -> None:
        self._source = source
        self._enabled = enabled
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="explain")
        self._kept: OrderedDict[str, Activations] = OrderedDict()  # by the model's sha256
        self._waiting = 0

    async def of(self, served: Served) -> Activations:
        """Raise ModelRefused with the reason why there is none, or Unavailable."""
        if not self._enabled:
            raise ModelRefused("this server was started with --no-explain")
        kept = self._kept.get(served.facts.sha256)
        if kept is not None:
            return kept
        return await self._apart(lambda: self._load(served))

    async def run(self, served: Served, images: Images, names: Sequence[str]) -> dict[str, Array]:
        """Give the named outputs; raises BadRequest or Unavailable."""
        try:
            activations = await self.of(served)
        except ModelRefused as error:
            own = " and ".join(served.facts.outputs)
            raise BadRequest(f"this model's only output is {own}: {error}") from None
        return await self._apart(lambda: activations.run(images, names))

    async def _apart(self, work: Callable[[], T]) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many requests for layer activations: try again later")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1

    def _load(self, served: Served) -> Activations:
        """Read the file beside the model; a missing one is looked for again next time."""
        sha256 = served.facts.sha256
        if served.facts.variant_of:
            raise ModelRefused(
                "layers are those of the model itself, and a variant of it is served"
            )
        if sha256 not in self._kept:
            content = self._source(served).sidecar(ACTIVATIONS)
            if content is None:
                raise ModelRefused("there is no activations file beside the model")
            self._kept[sha256] = load_activations(content, model_sha256=sha256)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return self._kept[sha256]
