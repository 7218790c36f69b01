"""What was asked of a model, in the words of Triton's statistics extension.

The numbers are those of /metrics: of all workers, since the start, whichever version of the model
had the role; from every door, not V2 alone.
"""

from collections.abc import Iterable
from typing import Any

from serving.counts.families import SHED
from serving.counts.sheet import Sheet
from serving.models.lineup import Served

_NS = 1e9  # of a second


def statistics(sheet: Sheet, models: Iterable[Served]) -> dict[str, Any]:
    return {"model_stats": [_model(sheet, served) for served in models]}


def _model(sheet: Sheet, served: Served) -> dict[str, Any]:
    """`fail` counts images that were not run; what takes no time of its own here is 0."""
    role = served.role.value
    answered, queued_s = _histogram(sheet, "queue_seconds", role)
    runs, _ = _histogram(sheet, "run_seconds", role)
    ran_s = sheet.total("answering_seconds_total", role)
    shed = sum(sheet.total("shed_images_total", role, reason) for reason in SHED)
    return {
        "name": served.facts.name,
        "version": served.facts.version,
        "inference_count": int(sheet.total("images_total", role)),
        "execution_count": runs,
        "inference_stats": {
            "success": _duration(answered, queued_s + ran_s),
            "fail": _duration(int(shed), 0.0),
            "queue": _duration(answered, queued_s),
            "compute_input": _duration(0, 0.0),
            "compute_infer": _duration(answered, ran_s),
            "compute_output": _duration(0, 0.0),
        },
        "batch_stats": [],
    }


def _duration(count: int, seconds: float) -> dict[str, int]:
    return {"count": count, "ns": int(seconds * _NS)}


def _histogram(sheet: Sheet, name: str, role: str) -> tuple[int, float]:
    """How many were observed by all workers, and their sum."""
    rows = [sheet.cells(worker, name, role) for worker in range(sheet.workers)]
    return int(sum(sum(row[:-1]) for row in rows)), sum(row[-1] for row in rows)
