"""What is counted of a slice; tallies add up to the job's summary."""

from typing import TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T", int, float)

EXAMPLES = 3  # of each kind of error


class Example(Struct, frozen=True):
    path: str
    error: str


class Fault(Struct):
    """One kind of error."""

    count: int = 0
    examples: list[Example] = []


class Tally(Struct):
    """Counts over pictures. It stands in its part's metadata, so that a job that goes on has it."""

    pictures: int = 0
    answers: list[int] = []  # by class: how often each was the most probable
    faults: dict[str, Fault] = {}  # by kind
    bins: list[float] = []  # as contract.drift counts; empty: the model's file has no histograms
    unknown: int = 0  # pictures unlike all that the model knows, by its own threshold
    labelled: int = 0  # pictures with an answer whose label is a class
    foreign: int = 0  # pictures whose label is no class of the model
    pairs: dict[str, int] = {}  # "label,answer" as class indexes: the confusion
    seconds: float = 0.0  # of a worker
    node: str = ""  # where the worker ran; in a sum of several nodes empty

    @property
    def failed(self) -> int:
        return sum(fault.count for fault in self.faults.values())

    def fault(self, kind: str, path: str, error: str) -> None:
        found = self.faults.setdefault(kind, Fault())
        found.count += 1
        if len(found.examples) < EXAMPLES:
            found.examples.append(Example(path, error))

    def add(self, other: "Tally") -> None:
        self.pictures += other.pictures
        self.answers = _sums(self.answers, other.answers)
        self.bins = _sums(self.bins, other.bins)
        self.unknown += other.unknown
        self.labelled += other.labelled
        self.foreign += other.foreign
        self.seconds += other.seconds
        for pair, count in other.pairs.items():
            self.pairs[pair] = self.pairs.get(pair, 0) + count
        for kind, fault in other.faults.items():
            mine = self.faults.setdefault(kind, Fault())
            mine.count += fault.count
            mine.examples = (mine.examples + fault.examples)[:EXAMPLES]

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def read(text: str | bytes) -> Tally:
    """Raise msgspec.DecodeError for what `text` did not give."""
    return msgspec.json.decode(text, type=Tally)


def _sums(mine: list[T], others: list[T]) -> list[T]:
    if not mine or not others:
        return mine or others
    return [one + other for one, other in zip(mine, others, strict=True)]
