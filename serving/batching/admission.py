"""Who is let into the queue: whose answer can be ready in time, by the seconds of work ahead."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from serving.batching.speed import Speed
from serving.errors import DeadlineExceeded, TooManyImages, Unavailable

SHARE = 0.8  # of a caller's time may be planned: a run may take longer than those before
_ROOM = 2.0  # times the room that is needed is surely enough, also when the speed has changed
_ALL = 0.95  # of the deadline's time may be promised to all together


class Refused(Unavailable):
    """Unavailable, with the reason under which it is counted."""

    def __init__(self, text: str, reason: str, wait_s: float) -> None:
        super().__init__(text, retry_after_s=max(1, math.ceil(wait_s)))
        self.reason = reason


@dataclass(slots=True, frozen=True)
class Ahead:
    """What waits: items of all callers, of each that has more than a slice, and what has run."""

    items: int
    long: Sequence[int]
    ran_s: float  # seconds since the present run began


@dataclass(slots=True, frozen=True, kw_only=True)
class Admission:
    speed: Speed
    deadline_s: float
    queue_items: int

    @property
    def most_items(self) -> int:
        """How many of one caller can be answered within the deadline, when nobody else waits."""
        return min(self.queue_items, self.speed.items_within(SHARE * self.deadline_s))

    @property
    def sure_items(self) -> int:
        """So many may wait in all without a closer look: in company no item takes longer."""
        return min(self.queue_items, int(SHARE * self.deadline_s / self.speed.alone_s / _ROOM))

    def check(self, items: int, ahead: Ahead, *, limit_s: float, left_s: float) -> None:
        """Raise unless the answer can be ready in `left_s` of the caller's `limit_s` seconds.

        TooManyImages, where not even an idle server could; DeadlineExceeded for a limit below a
        single image's time; Refused for what may be let in later.
        """
        self._check_possible(items, limit_s)
        if ahead.items + items > self.queue_items:
            raise Refused(
                f"the queue is full ({self.queue_items} images may wait): try again later",
                "queue",
                self.speed.of_work(ahead.items + items - self.queue_items),
            )
        own_s = self._planned_s(items, ahead)
        all_s = self.speed.of_work(ahead.items + items) - ahead.ran_s
        late_s = max(own_s - SHARE * left_s, all_s - _ALL * self.deadline_s)
        if late_s > 0:
            raise Refused(
                f"no answer within {limit_s:g} s: the images that wait take {all_s:.1f} s; "
                "try again later",
                "deadline",
                late_s,
            )

    def _check_possible(self, items: int, limit_s: float) -> None:
        if self.speed.of_work(items) <= SHARE * limit_s:
            return
        most = self.speed.items_within(SHARE * limit_s)
        if most == 0:
            raise DeadlineExceeded(
                f"an image takes {self.speed.alone_s:.2g} s here, too long for {limit_s:g} s: "
                "allow more time"
            )
        raise TooManyImages(
            f"{items} images take {self.speed.of_work(items):.1f} s here, too long for "
            f"{limit_s:g} s: send up to {most} in one request, or allow more time"
        )

    def _planned_s(self, items: int, ahead: Ahead) -> float:
        """By turns: who has many items is passed by who has fewer."""
        passed = sum(max(0, left - items) for left in ahead.long)
        return self.speed.of_work(max(0, ahead.items - passed) + items) - ahead.ran_s
