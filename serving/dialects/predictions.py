"""Probabilities → the JSON of /predict, filled into a template that is made once for a model.

Through dicts of numpy scalars the same bytes take twice as long, on the event loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import orjson

from contract.arrays import Probabilities
from serving.dialects.pieces import AT_ONCE, blocks
from serving.dialects.probabilities import greatest
from serving.errors import ServingError
from serving.models.model import Facts

_PREDICTION = b'{"label":%b,"index":%d,"probability":%b,"probabilities":{%b}}'


@dataclass(slots=True, frozen=True)
class _Template:
    head: bytes  # up to the first prediction
    labels: tuple[bytes, ...]  # as JSON strings
    named: bytes  # all classes in order, a %b for each probability


def body(
    probabilities: Probabilities,
    facts: Facts,
    top_k: int | None,
    faults: Mapping[int, ServingError] | None = None,
) -> bytes:
    """Numbers go out as float32 prints: as few digits as tell them apart.

    `faults`: what stands at which places instead of a prediction.
    """
    template = _template(facts.name, facts.version, facts.classes)
    parts = [probabilities] if probabilities.size <= AT_ONCE else blocks(probabilities)
    predictions = [text for part in parts for text in _written(part, template, top_k)]
    for at, fault in sorted((faults or {}).items()):
        predictions.insert(at, orjson.dumps({"error": str(fault), "status": fault.status}))
    return template.head + b",".join(predictions) + b"]}"


def _written(probabilities: Probabilities, template: _Template, top_k: int | None) -> list[bytes]:
    labels, count = template.labels, probabilities.shape[1]
    flat = orjson.dumps(probabilities.ravel(), option=orjson.OPT_SERIALIZE_NUMPY)
    texts = flat[1:-1].split(b",")
    rows = [tuple(texts[at : at + count]) for at in range(0, probabilities.size, count)]
    if top_k is None:
        named = [template.named % row for row in rows]
    else:
        order = greatest(probabilities, top_k).tolist()
        named = [
            b",".join([b"%b:%b" % (labels[index], row[index]) for index in indexes])
            for row, indexes in zip(rows, order, strict=True)
        ]
    best = probabilities.argmax(axis=1).tolist()
    return [
        _PREDICTION % (labels[index], index, row[index], text)
        for index, row, text in zip(best, rows, named, strict=True)
    ]


@lru_cache(maxsize=8)
def _template(name: str, version: str, classes: tuple[str, ...]) -> _Template:
    head = orjson.dumps({"model": {"name": name, "version": version}})[:-1] + b',"predictions":['
    labels = tuple(orjson.dumps(label) for label in classes)
    named = b",".join([label.replace(b"%", b"%%") + b":%b" for label in labels])
    return _Template(head, labels, named)
