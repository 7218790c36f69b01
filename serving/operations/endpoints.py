"""Paths for those who run the server: metrics, the model card."""

# ruff: noqa: ARG002 -- every handler takes the request

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from contract.sidecars import CARD, card_model
from serving import __version__
from serving.counts import exposition as metrics_text
from serving.counts import processes
from serving.counts.exposition import Shown
from serving.counts.sheet import Sheet
from serving.models.lineup import Lineup, Role, Served
from serving.models.sources import FileSource
from serving.watch import drift
from serving.wire.messages import Reply, Request


@dataclass(slots=True, frozen=True)
class Operations:
    lineup: Lineup
    sheet: Sheet
    sources: Callable[[Served], FileSource]

    async def metrics(self, request: Request) -> Reply:
        models = {
            served.role.value: Shown(served.facts.name, served.facts.classes)
            for served in self.lineup
        }
        text = metrics_text.render(self.sheet, models) + processes.render(self.sheet)
        if self.lineup.has_primary:
            served = self.lineup.pick()
            text += drift.gauges(self.sheet, served.facts, served.role.value)
        return Reply(text, content_type=metrics_text.CONTENT_TYPE)

    async def drift(self, request: Request) -> Reply:
        """How far what is asked is from the training data, over all workers."""
        served = self.lineup.pick()
        return Reply(orjson.dumps(drift.report(self.sheet, served.facts, served.role.value)))

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
        text = self.sources(served).sidecar(CARD)
        if text is None:
            return {"absent": "no model.card.json beside the model: `make repro` writes it"}
        if card_model(text) == served.facts.model_sha256:
            return orjson.Fragment(text)
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
        "statistics": msgspec.to_builtins(facts.statistics),
        "limits": msgspec.to_builtins(facts.limits),
        "variant_of": facts.variant_of or None,
    }
