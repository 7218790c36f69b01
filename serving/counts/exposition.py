"""The shared sheet as Prometheus reads it (text exposition format 0.0.4)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from serving.counts.families import UNSEEN, Family
from serving.counts.sheet import Sheet

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "serving_"


@dataclass(frozen=True, slots=True)
class Shown:
    """How a model is called where its numbers stand."""

    name: str
    class_names: tuple[str, ...]


def render(sheet: Sheet, models: Mapping[str, Shown]) -> bytes:
    """Give every number that has been touched, added up over all workers; `models` by role."""
    places, totals = sheet.layout.places, sheet.totals()
    lines: list[str] = []
    for family in sheet.layout.families.values():
        if family.kind in UNSEEN:
            continue
        shown_kind = "gauge" if family.kind == "version" else family.kind
        lines.append(f"# HELP {_PREFIX}{family.name} {family.text}")
        lines.append(f"# TYPE {_PREFIX}{family.name} {shown_kind}")
        for key in family.keys:
            total = totals[places[family.name, key]]
            if any(total) or family.kind == "gauge" or not family.labels:
                labels = _named(family, key, models)
                lines += _samples(sheet, family, key, labels, total)
    return ("\n".join(lines) + "\n").encode()


def _samples(
    sheet: Sheet, family: Family, key: tuple[str, ...], labels: list[str], total: list[float]
) -> Iterator[str]:
    name = _PREFIX + family.name
    if family.kind == "histogram":
        yield from _histogram(name, labels, family.bounds, total)
    elif family.kind == "version":
        rows = [sheet.cells(worker, family.name, *key)[0] for worker in range(sheet.workers)]
        for version, workers in sorted(Counter(int(row) for row in rows if row).items()):
            shown = _braces([*labels, f'version="{version:012x}"'])
            yield f"{name}{shown} {workers}"
    else:
        yield f"{name}{_braces(labels)} {total[0]:.17g}"


def _histogram(
    name: str, labels: list[str], bounds: tuple[float, ...], numbers: list[float]
) -> Iterator[str]:
    *counts, total = numbers
    if not any(counts):
        return
    below = 0.0
    for bound, count in zip([*map(str, bounds), "+Inf"], counts, strict=True):
        below += count
        shown = _braces([*labels, f'le="{bound}"'])
        yield f"{name}_bucket{shown} {below:.17g}"
    yield f"{name}_sum{_braces(labels)} {total:.17g}"
    yield f"{name}_count{_braces(labels)} {below:.17g}"


def _named(family: Family, key: tuple[str, ...], models: Mapping[str, Shown]) -> list[str]:
    """Label pairs; a model is shown by role and name, a class index by its name."""
    model = models.get(key[0]) if family.labels and family.labels[0][0] == "role" else None
    pairs = []
    for (label, _), value in zip(family.labels, key, strict=True):
        shown = value
        if label == "class" and model and value.isdigit() and int(value) < len(model.class_names):
            shown = model.class_names[int(value)]
        pairs.append(f'{label}="{escaped(shown)}"')
        if label == "role" and model:
            pairs.append(f'model="{escaped(model.name)}"')
    return pairs


def escaped(text: str) -> str:
    """As a label's value."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _braces(labels: list[str]) -> str:
    return "{" + ",".join(labels) + "}" if labels else ""
