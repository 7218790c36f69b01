"""docs/results.md out of benchmarks/results: `python -m benchmarks.published`.

Every figure with its spread, number of measurements, unit, device, target and command.
`--check` only compares, and fails where the page says something else.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any, NamedTuple

from benchmarks import published_limits, published_overload, report
from contract.files import write_bytes

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
HEADINGS = ("what", "figure", "sd", "n", "unit", "target", "device", "command")
ONE, TWO = "this server", "two workers, two cores"
TABLES = ("prepare", "ablation", "zoo")  # pages of their own, taken in as they are
INTRODUCTION = """# Results

Every figure comes from a file in `benchmarks/results`, which the command beside it writes again;
`make results` writes this page from those files. `sd` is the standard deviation over the `n`
measurements (seeds of a training, epochs or rounds of a benchmark); a ratio is one of medians and
has none. Speeds are compared within one run on one machine: absolute figures depend on both.
"""


class Row(NamedTuple):
    what: str
    figure: str
    sd: str | None
    n: int
    unit: str
    target: str | None
    device: str
    command: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    if not parser.parse_args().check:
        write_bytes(PAGE, page().encode())
    elif PAGE.read_text() != page():
        sys.exit(f"error: {PAGE} shows other figures than benchmarks/results: run `make results`")


def page() -> str:
    serving = _read("serving")
    parts = [
        INTRODUCTION,
        "## Accuracy",
        report.table(HEADINGS, accuracy()),
        "## Limits",
        published_limits.TEXT,
        published_limits.table(_read("limits")),
        "## Speed of training",
        report.table(HEADINGS, training(_read("training"))),
        "## Speed of serving",
        report.table(HEADINGS, [*serving_ratios(serving), *watching(_read("watching"))]),
        "Behind those ratios, median ± sd, with 16 connections (8 for 64 images) on one core:",
        throughput(serving["values"]),
        "With 64 connections, so many that the second worker is busy too:",
        two_workers(serving["values"]),
        "## Overload",
        published_overload.TEXT,
        report.table(HEADINGS, published_overload.rows(_read("overload"))),
        "## Photos",
        report.table(HEADINGS, photos(_read("photos"))),
        "## Scoring",
        report.table(HEADINGS, scored(_read("scoring"))),
        "## The page",
        report.table(HEADINGS, of_the_page(_read("page"))),
        *(_taken_in(name) for name in TABLES),
    ]
    return "\n".join(f"{part.strip()}\n" for part in parts)


def accuracy() -> Iterator[Row]:
    """MNIST's official test split, read by no training and no choice of a recipe."""
    for recipe, what in (
        ("fast", "fast recipe, 2 epochs"),
        ("default", "default parameters"),
        ("record", "record recipe"),
    ):
        content = _read(recipe)
        seeds, machine = list(content["seeds"].values()), content["machine"]
        device = f"{report.threads(machine['threads'])} of {machine['device']}"
        command = f"python -m benchmarks.record --recipe {recipe}"
        for key, name, unit, digits in (
            ("test", "test accuracy", "%", 2),
            ("seconds", "training time", "s", 0),
        ):
            values = [seed[key] for seed in seeds]
            yield _row(f"{what}: {name}", values, unit, None, device, command, digits=digits)


def training(content: Mapping[str, Any]) -> Iterator[Row]:
    """First the contestants' median seconds, then the ratios of their medians."""
    device, command = f"{report.threads(content['threads'])} of {content['device']}", "`make bench`"
    for name, values in content["seconds"].items():
        spread = f"{stdev(values):.2f}"
        figure = f"{median(values):.2f}"
        yield Row(f"an epoch: {name}", figure, spread, len(values), "s", None, device, command)
    count = len(next(iter(content["seconds"].values())))
    for name, found in content["ratios"].items():
        what, _, target = name.partition(" (target: ")
        figure = f"{found:.2f}"
        wanted = _judged(target.rstrip(")"), found)
        yield Row(what, figure, None, count, "ratio", wanted, device, command)


def serving_ratios(content: Mapping[str, Any]) -> Iterator[Row]:
    for one in content["ratios"]:
        name, unit = one["name"], "ratio"
        for ending in (" ms", " MB", " s"):
            if f"{ending} " in f"{name} " or f"{ending}," in name:
                name, unit = name.replace(ending, "", 1), ending.strip()
        found, target = f"{one['found']:.2f}", one["wanted"] + ("" if one["met"] else ": missed")
        device, command = content["processor"], f"`{content['command']}`"
        yield Row(name, found, None, content["rounds"], unit, target, device, command)


def watching(content: Mapping[str, Any]) -> Iterator[Row]:
    figures = (
        ("processor time of a request, watched for drift over not", "watched", "cpu_ratio"),
        ("p99 beside a shadowed challenger over without", "shadowed", "p99_ratio"),
    )
    for what, who, ratio in figures:
        for case in ("one image JSON", "64 images binary"):
            found = content["found"][f"{who}: {case}"][ratio]
            yield Row(
                *(f"{case}, {what}", f"{found:.2f}", None, content["rounds"], "ratio", None),
                *(content["processor"], f"`{content['command']}`"),
            )


def photos(content: Mapping[str, Any]) -> Iterator[Row]:
    """JPEGs for a model of 32 px; `decoded alone` is the floor: all of it decoded, nothing else."""
    device, command = content["processor"], f"`{content['command']}`"
    for what, key in (("processor time", "cpu_s"), ("memory", "grown_mb")):
        for case, found in content["found"].items():
            if not case.endswith(" 32 px"):
                continue
            for who, one in found.items():
                name = f"{case.removesuffix(' for 32 px')}, {who}: {what}"
                figure, spread = f"{one[key]:.3g}", f"{one[f'sd_{key}']:.2g}"
                unit = "s" if key == "cpu_s" else "MB"
                yield Row(name, figure, spread, content["rounds"], unit, None, device, command)


def scored(content: Mapping[str, Any]) -> Iterator[Row]:
    """Processor time compares on a machine that does other work too; memory is a sum of PSS."""
    device, command = content["processor"], f"`{content['command']}`"
    for kind, wanted in (("files", 0.8), ("parquet", 0.9)):
        found = content["ratios"][kind]
        target = f"≥ {wanted}" + ("" if found >= wanted else ": missed")
        what = f"pictures for a processor second, over the plain loop's: {kind}"
        yield Row(what, f"{found:.2f}", None, content["rounds"], "ratio", target, device, command)
    for name, costs in content["costs"].items():
        count, pictures = len(costs), f"{costs[0]['pictures']:,} pictures"
        rest = (count, "s", None, device, command)
        cost = median(one["processor_s"] for one in costs)
        yield Row(f"{name}, {pictures}: processor time", f"{cost:.1f}", None, *rest)
        peak = max(one["memory_mb"] for one in costs)
        wanted_mb = "≤ 600" + ("" if peak <= 600 else ": missed")  # noqa: PLR2004 -- the target
        wanted_here = wanted_mb if name.startswith("this job") else None
        yield Row(
            *(f"{name}, {pictures}: largest memory", f"{peak:.0f}", None, count, "MB"),
            *(wanted_here, device, command),
        )


def throughput(values: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    cases = ("one image JSON", "one PNG", "64 images JSON", "64 images binary")
    units = ("req/s", "req/s", "images/s", "images/s")
    headings = ("server", *(f"{case}, {unit}" for case, unit in zip(cases, units, strict=True)))
    alone = {name: found for name, found in values.items() if name != TWO}
    rows = [(name, *(_spread(found.get(case)) for case in cases)) for name, found in alone.items()]
    return report.table(headings, rows)


def two_workers(values: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    rows = [
        (case, *(_spread(values[name][f"{case}, saturated"]) for name in (ONE, TWO)))
        for case in ("one image JSON", "one PNG")
    ]
    return report.table(("case", "one worker, req/s", "two workers on two cores, req/s"), rows)


def of_the_page(content: Mapping[str, Any]) -> Iterator[Row]:
    for name, what in (
        ("first_paint_ms", "first paint"),
        ("stroke_to_probabilities_ms", "from a stroke to its probabilities"),
    ):
        for key in ("median", "p95"):
            found = content[name]
            yield Row(
                *(f"{what}, {key}", f"{found[key]:.0f}", None, found["n"], "ms", None),
                *(content["device"], "`python -m benchmarks.page`"),
            )


def _row(  # noqa: PLR0913, PLR0917 -- the columns of a table
    what: str,
    values: Sequence[float],
    unit: str,
    target: str | None,
    device: str,
    command: str,
    *,
    digits: int,
) -> Row:
    figure, spread = f"{mean(values):.{digits}f}", f"{stdev(values):.{digits}f}"
    return Row(what, figure, spread, len(values), unit, target, device, f"`{command}`")


def _judged(target: str, found: float) -> str | None:
    """Say where a target `at most 1.10 …` or `at least 4.5 …` was missed."""
    words = target.split()
    if not words:
        return None
    met = found <= float(words[2]) if words[1] == "most" else found >= float(words[2])
    return target if met else f"{target}: missed"


def _spread(rounds: Sequence[float] | None) -> str | None:
    """Median of the rounds and their standard deviation."""
    return None if rounds is None else f"{median(rounds):,.0f} ± {stdev(rounds):,.0f}"


def _taken_in(name: str) -> str:
    """Take in a benchmark's own page, a heading lower."""
    return "#" + (report.RESULTS / f"{name}.md").read_text()


def _read(name: str) -> Any:  # noqa: ANN401 - each benchmark's own JSON
    path = report.RESULTS / f"{name}.json"
    if not path.exists():
        sys.exit(f"error: {path.name} is not there yet: run `make bench`")
    return json.loads(path.read_text())


if __name__ == "__main__":
    main()
