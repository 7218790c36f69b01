"""What a finished job found: as JSON in OUTPUT, and in a few lines for people."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from contract import drift
from scoring.tally import Tally
from serving.models.model import Facts

_MOST_CLASSES = 10  # that are printed; the JSON holds all


def of(
    tally: Tally, facts: Facts, *, nodes: Mapping[str, int], labels: bool, run: Mapping[str, Any]
) -> dict[str, Any]:
    """`run`: what is of this job alone, such as INPUT and its time."""
    failed, pictures = tally.failed, tally.pictures
    answered = pictures - failed
    return {
        "model": {
            "name": facts.name,
            "version": facts.version,
            "sha256": facts.sha256,
            "net": facts.net,
            "dataset": {"name": facts.dataset.name, "sha256": facts.dataset.sha256},
            "params_sha256": facts.params_sha256,
        },
        "pictures": pictures,
        "answered": answered,
        "answers": dict(zip(facts.classes, tally.answers, strict=False)),
        "unknown": _unknown(tally, facts),
        "errors": {
            kind: {
                "count": fault.count,
                "examples": [{"path": one.path, "error": one.error} for one in fault.examples],
            }
            for kind, fault in tally.faults.items()
        },
        "drift": _drift(tally, facts),
        "labels": _compared(tally, facts) if labels else None,
        "pictures_by_node": dict(nodes),
        "worker_seconds": round(tally.seconds, 3),
        **run,
    }


def _unknown(tally: Tally, facts: Facts) -> dict[str, Any] | None:
    """None where the model cannot tell."""
    if not facts.is_judge:
        return None
    answered = tally.pictures - tally.failed
    return {
        "count": tally.unknown,
        "share": tally.unknown / answered if answered else 0.0,
        "least_familiarity": facts.least_familiarity,
    }


def _drift(tally: Tally, facts: Facts) -> dict[str, Any] | None:
    """None where the model's file has no histograms; indexes of few images are None, too."""
    expected = drift.expectation(facts.statistics)
    if expected is None or not tally.bins:
        return None
    seen = np.array(tally.bins)
    enough = seen[0] >= drift.LEAST
    indexes = {
        one.name: drift.stability_index(one.expected, seen[one.at]) if enough else None
        for one in expected.features
    }
    worst = max((indexes[name] or 0.0 for name in drift.INPUTS if name in indexes), default=0.0)
    return {
        "images": int(seen[0]),
        "indexes": indexes,
        "threshold": drift.DRIFTED,
        "drifted": worst > drift.DRIFTED,
        "least_images": drift.LEAST,
    }


def _compared(tally: Tally, facts: Facts) -> dict[str, Any]:
    """Rows of the confusion are the labels, columns the answers, both by class name."""
    rows: dict[str, dict[str, int]] = {name: {} for name in facts.classes}
    right = 0
    for pair, count in tally.pairs.items():
        truth, answer = map(int, pair.split(","))
        rows[facts.classes[truth]][facts.classes[answer]] = count
        right += count if truth == answer else 0
    return {
        "labelled": tally.labelled,
        "of_no_class": tally.foreign,
        "accuracy": right / tally.labelled if tally.labelled else None,
        "confusion": rows,
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    pictures, answered = found["pictures"], found["answered"]
    model = found["model"]
    yield f"{pictures:,} pictures, {answered:,} answered by {model['name']} {model['version']}"
    answers = sorted(found["answers"].items(), key=lambda one: -one[1])
    shown = [f"{name} {count:,}" for name, count in answers[:_MOST_CLASSES] if count]
    more = len([name for name, count in answers[_MOST_CLASSES:] if count])
    if shown:
        yield "answers: " + ", ".join(shown) + (f" and {more} classes more" if more else "")
    if found["unknown"] is not None:
        unknown = found["unknown"]
        yield f"unlike all that the model knows: {unknown['count']:,} ({unknown['share']:.1%})"
    for kind, fault in found["errors"].items():
        example = fault["examples"][0]
        yield f"{fault['count']:,} {kind}, such as {example['path']}: {example['error']}"
    if found["drift"] is not None:
        yield _drift_line(found["drift"])
    if found["labels"] is not None:
        yield _labels_line(found["labels"])


def _drift_line(found: Mapping[str, Any]) -> str:
    indexes = {name: value for name, value in found["indexes"].items() if value is not None}
    if not indexes:
        return f"drift: not said of fewer than {found['least_images']} images"
    worst = max(indexes, key=lambda name: indexes[name])
    verdict = "the pictures differ from training's" if found["drifted"] else "as in training"
    return f"drift: {verdict}; the largest index is {worst}'s, {indexes[worst]:.2f}"


def _labels_line(found: Mapping[str, Any]) -> str:
    rest = f"; {found['of_no_class']:,} labels are no class" if found["of_no_class"] else ""
    if found["accuracy"] is None:
        return f"accuracy: no picture has a label that is a class of the model{rest}"
    return f"accuracy: {found['accuracy']:.2%} of {found['labelled']:,} labelled pictures{rest}"
