"""What goes with a request beside its bytes: its deadline, its client, where its time went."""

import math
from time import monotonic
from typing import Protocol


class Place(Protocol):
    """Where the images of a request wait."""

    def leave(self) -> None:
        """Give up what has not begun to run."""


class Context:
    """`limit_s`: how long the caller itself waits for the answer, counted from `arrived_s`.

    The batcher writes down what became of the images; whoever logs the request reads it.
    """

    # Defaults of the class: one is made for every request, and most stay as they are.
    limit_s = math.inf
    has_left = False
    place: Place | None = None
    version = ""  # of the model that answers
    images = 0
    unknown = 0  # of the images: less familiar than the model's threshold
    queue_s = 0.0
    run_s = 0.0

    def __init__(self) -> None:
        self.arrived_s = monotonic()

    def leave(self) -> None:
        """Take note that the client has closed: what waits for a run is not run for it."""
        self.has_left = True
        if self.place is not None:
            self.place.leave()
