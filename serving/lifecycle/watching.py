"""Who looks at what the primary answers, beside the counts: drift's watch, the challenger."""

from collections.abc import Callable, Sequence

from serving.lifecycle import drift
from serving.lifecycle.shadow import Shadow
from serving.models.lineup import Lineup
from serving.models.model import Model
from serving.operations.metrics import Recorder
from serving.operations.observing import Observe


def watchers(
    lineup: Lineup, recorder: Recorder, *, has_challenger: bool, share: float
) -> Callable[[Model], Sequence[Observe]]:
    """Make what gives the observers of each new primary model."""
    shadow = [Shadow(lineup, recorder, share=share)] if has_challenger and share else []

    def watch(model: Model) -> Sequence[Observe]:
        expected = drift.expectation(model.facts)
        return [*([drift.Watch(expected, recorder)] if expected else []), *shadow]

    return watch
