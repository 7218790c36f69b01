"""Who looks at what the primary answers, beside the counts: drift's watch, the challenger."""

from collections.abc import Callable, Sequence

from serving import drift
from serving.lineup import Lineup
from serving.metrics import Recorder
from serving.model import Model
from serving.observing import Observe
from serving.shadow import Shadow


def watchers(
    lineup: Lineup, recorder: Recorder, *, has_challenger: bool, share: float
) -> Callable[[Model], Sequence[Observe]]:
    """Make what gives the observers of each new primary model."""
    shadow = [Shadow(lineup, recorder, share=share)] if has_challenger and share else []

    def watch(model: Model) -> Sequence[Observe]:
        expected = drift.expectation(model.facts)
        return [*([drift.Watch(expected, recorder)] if expected else []), *shadow]

    return watch
