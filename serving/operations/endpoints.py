"""Paths for those who run the server: metrics, the model card."""

# ruff: noqa: ARG002 -- every handler takes the request

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from serving import __version__
from serving.lifecycle import drift
from serving.models.lineup import Lineup, Role, Served
from serving.models.sources import FileSource
from serving.operations import metrics_text
from serving.operations.metrics import Sheet
from serving.wire.messages import Reply, Request


@dataclass(slots=True, frozen=True)
class Operations:
    lineup: Lineup
    sheet: Sheet
    sources: Callable[[Served], FileSource]

    async def metrics(self, request: Request) -> Reply:
        facts = self.lineup.pick().facts if self.lineup.has_primary else None
        text = metrics_text.render(self.sheet, facts.classes if facts else ())
        if facts:
            text += drift.gauges(self.sheet, facts)
        return Reply(text, content_type=metrics_text.CONTENT_TYPE)

    async def drift(self, request: Request) -> Reply:
        """How far what is asked is from the training data, over all workers."""
        return Reply(orjson.dumps(drift.report(self.sheet, self.lineup.pick().facts)))

    async def model(self, request: Request) -> Reply:
        """The primary's facts, its card where there is one, and who stands beside it."""
        served = self.lineup.pick()
        challenger = self.lineup.of(Role.CHALLENGER)
        return Reply(
            orjson.dumps(
                {
                    **_facts(served),
                    "card": self._card(served),
                    "challenger": _facts(challenger) if challenger else None,
                }
            )
        )

    def _card(self, served: Served) -> object:
        """Read the sidecar that `evaluate` writes; one of another model is not shown."""
        text = self.sources(served).sidecar(".card.json")
        if text is None:
            return {"absent": "no model.card.json beside the model: `make repro` writes it"}
        try:
            card = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            if msgspec.json.decode(card["model_sha256"]) == served.facts.sha256:
                return orjson.Fragment(text)
        except (msgspec.DecodeError, KeyError, UnicodeDecodeError):
            pass
        return {"absent": "model.card.json belongs to another model: `make repro` renews it"}

    async def version(self, request: Request) -> Reply:
        return Reply(__version__.encode(), content_type=b"text/plain; charset=utf-8")


def _facts(served: Served) -> dict[str, Any]:
    facts = served.facts
    return {
        "name": facts.name,
        "version": facts.version,
        "sha256": facts.sha256,
        "role": served.role.value,
        "net": facts.net,
        "classes": facts.classes,
        "image_shape": facts.image_shape,
        "parameters": facts.parameters,
        "params_sha256": facts.params_sha256,
        "dataset": msgspec.to_builtins(facts.dataset),
        "statistics": orjson.Fragment(facts.statistics),
    }
