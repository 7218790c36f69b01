"""The tables of docs/scale.md from benchmarks/results: unit costs, and what follows from them."""

import json
import re
import sys
from statistics import median
from typing import Any, NamedTuple

from benchmarks import report

COMMAND = "python -m benchmarks.scale"
HOUR_S = 3600
PICTURES = {"1 M": 10**6, "100 M": 10**8, "10 G": 10**10}
RATES = {"1 k": 10**3, "100 k": 10**5, "10 M": 10**7}  # requests a second
USED = 0.7  # of a core's capacity: the rest is for peaks, and for a replica that fails
WORKER_MB = 96  # results/serving.json: resident after load
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Unit(NamedTuple):
    """Of one picture, answer or model."""

    name: str
    seconds: float  # of one core
    of: str
    source: str  # the command that measures it


def page(text: str) -> str:
    """The page with its tables written anew."""
    tables = {"units": units_table, "pictures": pictures_table, "requests": requests_table,
              "replicas": replicas_table}  # fmt: skip
    return _TABLE.sub(lambda one: f"{one[1]}{tables[one[2]]()}{one[3]}", text)


def units() -> dict[str, Unit]:
    scale, scoring, serving = _read("scale"), _read("scoring"), _read("serving")
    prepare, training = _read("prepare")["costs"]["20,000, one process"], _read("training")
    resnet = next(one for one in _read("zoo")["nets"] if one["net"] == "resnet18")
    heavy = next(one for one in _read("overload")["rows"] if one["case"].startswith("resnet18"))
    ours = serving["medians"]["this server"] if "medians" in serving else {}
    lenet = median(training["seconds"]["pipeline, as params.yaml"])

    def scored(name: str) -> float:
        costs = scoring["costs"][f"this job, {name}"]
        return float(median(one["processor_s"] / one["pictures"] for one in costs))

    return {
        "small": Unit("decode a JPEG of 32 px", scale["decode_s"]["small"], "picture", COMMAND),
        "photo": Unit("decode a JPEG of 500 x 375 for 224 px", scale["decode_s"]["photo"],
                      "picture", COMMAND),
        "prepare": Unit("prepare a JPEG of 128 px", prepare["processor_s"] / prepare["pictures"],
                        "picture", "python -m benchmarks.prepare"),
        "lenet": Unit("train LeNet, 28 px", lenet * training["cores"] / training["images"],
                      "picture and epoch", "python -m benchmarks.training"),
        "resnet": Unit("train resnet18, 32 px", resnet["seconds"] * 2 / 20_000,
                       "picture and epoch", "python -m benchmarks.zoo"),
        "export": Unit("export LeNet, with its parity", scale["export_s"], "model", COMMAND),
        "score": Unit("score a JPEG of 32 px, LeNet, from files", scored("files"), "picture",
                      "python -m benchmarks.scoring"),
        "table": Unit("the same from Parquet", scored("Parquet"), "picture",
                      "python -m benchmarks.scoring"),
        "png": Unit("serve one PNG, LeNet", 1 / ours["one PNG"], "request",
                    "python -m benchmarks.serving"),
        "raw": Unit("serve one image in a request of 64, raw, LeNet",
                    1 / ours["64 images binary"], "image", "python -m benchmarks.serving"),
        "heavy": Unit("serve one image of 224 px, raw, resnet18", heavy["answer_us"] / 1e6,
                      "request", "python -m benchmarks.overload"),
    }  # fmt: skip


def units_table() -> str:
    rows = [(one.name, f"{1e3 * one.seconds:.3g}", one.of, f"`{one.source}`")
            for one in units().values()]  # fmt: skip
    return report.table(("what", "core ms", "for each", "command"), rows)


def pictures_table() -> str:
    """Core hours, disk."""
    cost, row_bytes = units(), _read("scale")["row_bytes"]
    photo = cost["photo"].seconds + cost["heavy"].seconds
    lines: list[tuple[str, float, str]] = [
        ("prepare, 128 px: core hours", cost["prepare"].seconds / HOUR_S, ""),
        ("prepared arrays, 128 px RGB: disk", 3 * 128 * 128, "B"),
        ("train LeNet, 15 epochs: core hours", 15 * cost["lenet"].seconds / HOUR_S, ""),
        ("train resnet18 at 32 px, 15 epochs: core hours",
         15 * cost["resnet"].seconds / HOUR_S, ""),
        ("score, LeNet, 32 px: core hours", cost["score"].seconds / HOUR_S, ""),
        ("score, resnet18, photos for 224 px: core hours", photo / HOUR_S, ""),
        ("scores in Parquet, ten classes: disk", row_bytes, "B"),
    ]  # fmt: skip
    rows = [(name, *(_large(each * count, unit) for count in PICTURES.values()))
            for name, each, unit in lines]  # fmt: skip
    return report.table(("what", *PICTURES), rows)


def requests_table() -> str:
    cost = units()
    rows = []
    for name, key in (("one PNG, LeNet", "png"), ("one image of 224 px, resnet18", "heavy")):
        cores = [rate * cost[key].seconds / USED for rate in RATES.values()]
        rows.append((f"{name}: cores", *(_large(max(1.0, one), "") for one in cores)))
        memory = [max(1.0, one) * WORKER_MB * 1e6 for one in cores]
        rows.append((f"{name}: memory", *(_large(one, "B") for one in memory)))
    return report.table(("what", *RATES), rows)


def replicas_table() -> str:
    """First where nobody else worked: four cores, two of them for the load."""
    serving = _read("serving")["medians"]
    rows: list[tuple[str, ...]] = []
    for case in ("one image JSON, saturated", "one PNG, saturated"):
        one, two = (serving[who][case] for who in ("this server", "two workers, two cores"))
        rows.append(_checked(f"LeNet, {case}", one, two, None, "python -m benchmarks.serving"))
    for net, found in _read("scale")["replicas"].items():
        one, two = found["1"], found["2"]
        cost = two["core_s"] / one["core_s"]
        rows.append(_checked(net, one["answers_s"], two["answers_s"], cost, COMMAND))
    headings = ("what", "one worker, answers/s", "two, by arithmetic", "two, measured",
                "core time of an answer, two over one", "command")  # fmt: skip
    return report.table(headings, rows)


def _checked(
    name: str, one: float, two: float, cost: float | None, command: str
) -> tuple[str, ...]:
    shown = "-" if cost is None else f"{cost:.2f}"
    return name, f"{one:,.0f}", f"{2 * one:,.0f}", f"{two:,.0f}", shown, f"`{command}`"


def _large(value: float, unit: str) -> str:
    steps = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
    if not unit:
        return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 -- two digits
    for step, letter in steps:
        if value >= step:
            return f"{value / step:.3g} {letter}{unit}"
    return f"{value:.3g} {unit}"


def _read(name: str) -> Any:  # noqa: ANN401 -- each benchmark's own JSON
    path = report.RESULTS / f"{name}.json"
    if not path.exists():
        sys.exit(f"error: {path.name} is not there yet: run its benchmark first")
    return json.loads(path.read_text())
