"""A model's answers → the JSON of /predict, filled into a template that is made once for a model.

Through dicts of numpy scalars the same bytes take twice as long, on the event loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import orjson

from contract.metadata import Limits
from serving.dialects.pieces import AT_ONCE, blocks
from serving.dialects.probabilities import greatest
from serving.errors import ServingError
from serving.models.model import Answers, Facts

_PREDICTION = b'{"label":%b,"index":%d,"probability":%b,"probabilities":{%b}%b}'
_LIMITS = b',"familiarity":%b,"set":%b,"known":%b'
_NULL, _KNOWN = b"null", (b"false", b"true")


@dataclass(slots=True, frozen=True)
class _Template:
    head: bytes  # up to the first prediction
    labels: tuple[bytes, ...]  # as JSON strings
    named: bytes  # all classes in order, a %b for each probability
    limits: Limits | None


def body(
    answers: Answers,
    facts: Facts,
    top_k: int | None,
    faults: Mapping[int, ServingError] | None = None,
) -> bytes:
    """Numbers go out as float32 prints: as few digits as tell them apart.

    `faults`: what stands at which places instead of a prediction.
    """
    template = _template(facts.name, facts.version, facts.classes, facts.limits)
    parts = [answers] if answers.size <= AT_ONCE else blocks(answers)
    predictions = [text for part in parts for text in _written(part, template, top_k)]
    for at, fault in sorted((faults or {}).items()):
        predictions.insert(at, orjson.dumps({"error": str(fault), "status": fault.status}))
    return template.head + b",".join(predictions) + b"]}"


def _written(answers: Answers, template: _Template, top_k: int | None) -> list[bytes]:
    labels, width = template.labels, answers.shape[1]
    count = len(labels)
    flat = orjson.dumps(answers.ravel(), option=orjson.OPT_SERIALIZE_NUMPY)
    texts = flat[1:-1].split(b",")
    rows = [tuple(texts[at : at + count]) for at in range(0, answers.size, width)]
    probabilities = answers[:, :count]
    if top_k is None:
        named = [template.named % row for row in rows]
    else:
        order = greatest(probabilities, top_k).tolist()
        named = [
            b",".join([b"%b:%b" % (labels[index], row[index]) for index in indexes])
            for row, indexes in zip(rows, order, strict=True)
        ]
    best = probabilities.argmax(axis=1).tolist()
    tails = _tails(answers, template, template.limits, texts[count::width])
    return [
        _PREDICTION % (labels[index], index, row[index], text, tail)
        for index, row, text, tail in zip(best, rows, named, tails, strict=True)
    ]


def _tails(
    answers: Answers, template: _Template, limits: Limits | None, familiarity: list[bytes]
) -> list[bytes]:
    """What the model says of its limits, a text for each image; empty for files from before."""
    if limits is None:
        return [b""] * len(answers)
    sets = known = [_NULL] * len(answers)
    if limits.conformal is not None:
        sets = [_set(row, template.labels, limits.conformal.least) for row in answers.tolist()]
    if limits.familiarity is None:
        familiarity = known
    else:
        least = limits.familiarity.threshold
        known = [_KNOWN[one >= least] for one in answers[:, -1].tolist()]
    return [_LIMITS % texts for texts in zip(familiarity, sets, known, strict=True)]


def _set(row: list[float], labels: tuple[bytes, ...], least: float) -> bytes:
    """The classes that cannot be excluded, in their order; familiarity may follow them in `row`."""
    inside = [label for label, one in zip(labels, row, strict=False) if one >= least]
    return b"[%b]" % b",".join(inside)


@lru_cache(maxsize=8)
def _template(
    name: str, version: str, classes: tuple[str, ...], limits: Limits | None
) -> _Template:
    head = orjson.dumps({"model": {"name": name, "version": version}})[:-1] + b',"predictions":['
    labels = tuple(orjson.dumps(label) for label in classes)
    named = b",".join([label.replace(b"%", b"%%") + b":%b" for label in labels])
    return _Template(head, labels, named, limits)
