"""Who looks at what the primary answers, beside the counts: drift's watch, the challenger."""

from collections.abc import Sequence

from serving.counts.observing import Observe
from serving.counts.sheet import Recorder
from serving.errors import ModelRefused
from serving.models.model import Model
from serving.watch import drift
from serving.watch.shadow import Shadow


class Watchers:
    """Give the observers of each model that is loaded; `share` is the challenger's, if any."""

    def __init__(self, recorder: Recorder, *, share: float) -> None:
        self._recorder = recorder
        self._shadow = Shadow(recorder, share=share) if share else None

    def of_primary(self, model: Model) -> Sequence[Observe]:
        """Raise ModelRefused where the shadow would compare different tasks."""
        challenger = self._shadow.challenger if self._shadow else None
        if challenger and (unlike := model.facts.unlike(challenger.facts)):
            raise ModelRefused(
                f"has {unlike} as its challenger has: give one of the same task, or --shadow 0"
            )
        expected = drift.expectation(model.facts)
        watch = [drift.Watch(expected, self._recorder, "primary")] if expected else []
        return [*watch, *([self._shadow] if self._shadow else [])]

    def of_challenger(self, model: Model) -> Sequence[Observe]:
        """Nobody observes it, but the shadow asks it from now on."""
        if self._shadow:
            self._shadow.follow(model)
        return []
