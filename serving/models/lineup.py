"""The models that are being served: the primary and, beside it, a challenger."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from contract.arrays import Images
from serving.batching.batcher import Batcher
from serving.context import Context
from serving.errors import NotFound, Unavailable
from serving.models.model import Answers, Facts, Model


class Role(Enum):
    """Why a model is loaded."""

    PRIMARY = "primary"
    CHALLENGER = "challenger"


@dataclass(slots=True, frozen=True, eq=False)
class Served:
    """A model with its own queue: requests that were let in for it are answered by it."""

    role: Role
    model: Model
    batcher: Batcher

    @property
    def facts(self) -> Facts:
        return self.model.facts

    async def answer(self, images: Images, context: Context) -> Answers:
        """Wait in the queue, and note what was unknown; raises as Batcher.answer."""
        answers = await self.batcher.answer(images, context)
        facts = self.model.facts
        if facts.is_judge:
            least = facts.least_familiarity
            context.unknown += sum(one < least for one in answers[:, -1].tolist())
        return answers


class Lineup:
    """Who answers; a swap changes it for the requests that come after."""

    def __init__(self) -> None:
        self._served: dict[Role, Served] = {}

    def __iter__(self) -> Iterator[Served]:
        return iter([self._served[role] for role in Role if role in self._served])

    def put(self, served: Served) -> Served | None:
        """Let `served` take over its role; returns the one that had it."""
        before = self._served.get(served.role)
        self._served[served.role] = served
        return before

    @property
    def has_primary(self) -> bool:
        return Role.PRIMARY in self._served

    def of(self, role: Role) -> Served | None:
        return self._served.get(role)

    def pick(self, *, name: str | None = None, version: str | None = None) -> Served:
        """Find the primary, or whom name and version ask for; raises Unavailable, NotFound."""
        primary = self._served.get(Role.PRIMARY)
        if primary is None:
            raise Unavailable("no model is loaded yet: try again in a moment")
        if version is None and (name is None or primary.facts.name == name):
            return primary
        named = [served for served in self if name is None or served.facts.name == name]
        if not named:
            raise NotFound("no model of this name is served: GET /v2/models lists them")
        for served in named:
            if version is None or served.facts.version == version:
                return served
        raise NotFound("this version is not loaded: GET /v2/models/{name} lists the versions")
