"""The shared sheet as Prometheus reads it (text exposition format 0.0.4)."""

from collections import Counter
from collections.abc import Iterator

from serving.operations.metrics import Family, Sheet

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "serving_"


def render(sheet: Sheet, class_names: tuple[str, ...]) -> bytes:
    """Give every number that has been touched, added up over all workers."""
    total = sheet.total()
    lines: list[str] = []
    for family in sheet.layout.families:
        if family.kind == "hidden":
            continue
        shown_kind = "gauge" if family.kind == "version" else family.kind
        lines.append(f"# HELP {_PREFIX}{family.name} {family.text}")
        lines.append(f"# TYPE {_PREFIX}{family.name} {shown_kind}")
        for key in family.keys:
            start = sheet.layout.offsets[family.name, key]
            lines += _samples(family, _named(family, key, class_names), start, total, sheet)
    return ("\n".join(lines) + "\n").encode()


def _samples(
    family: Family, labels: list[str], start: int, total: list[float], sheet: Sheet
) -> Iterator[str]:
    name = _PREFIX + family.name
    if family.kind == "histogram":
        yield from _histogram(name, labels, family.bounds, total[start : start + family.width])
    elif family.kind == "version":
        versions = Counter(int(row[start]) for row in sheet.rows() if row[start])
        for version, workers in sorted(versions.items()):
            shown = _braces([*labels, f'version="{version:012x}"'])
            yield f"{name}{shown} {workers}"
    elif total[start] or family.kind == "gauge" or not labels:
        yield f"{name}{_braces(labels)} {total[start]:.17g}"


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


def _named(family: Family, key: tuple[str, ...], class_names: tuple[str, ...]) -> list[str]:
    """Label pairs; a class index is shown by its name."""
    pairs = []
    for (label, _), value in zip(family.labels, key, strict=True):
        shown = value
        if label == "class" and value.isdigit() and int(value) < len(class_names):
            shown = class_names[int(value)]
        escaped = shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        pairs.append(f'{label}="{escaped}"')
    return pairs


def _braces(labels: list[str]) -> str:
    return "{" + ",".join(labels) + "}" if labels else ""
