"""The record recipe, seed by seed: what it reaches on the test split, none dropped.

`python -m benchmarks.record` trains the seeds that the report lacks; a changed recipe, data set or
net starts a new report. `--seeds` takes some of them, so that two processes can share the work.
`--recipe` measures another recipe in the same way: the default one is `params.yaml` as it is.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock
from ruamel.yaml import YAML

from benchmarks import experiment, report
from contract.files import sha256_of_json, write_json
from pipeline import config
from pipeline.data import arrays

WHERE = {"accelerator", "devices", "strategy", "num_nodes", "compile", "cuda_graph"}
RECIPES = Path(__file__).parents[1] / "recipes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="record", help="a file in recipes")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"))
    asked = parser.parse_args()
    data = arrays.load(asked.prepared)
    params = read(asked.recipe)
    for seed in asked.seeds:
        if str(seed) in load(asked.recipe, params, data):
            continue
        recipe = msgspec.structs.replace(params.train, seed=seed)
        outcome, _ = experiment.train(params.model, recipe, data, test=True)
        keep(asked.recipe, params, data, outcome)
    publish(asked.recipe, load(asked.recipe, params, data), params)


def read(name: str) -> config.Params:
    """Return params.yaml with the recipe's keys in their places; its seed counts for nothing."""
    yaml = YAML(typ="safe", pure=True)
    raw: dict[str, Any] = yaml.load(Path("params.yaml"))
    path = RECIPES / f"{name}.yaml"
    changes: dict[str, Any] = yaml.load(path) or {}
    for section, values in changes.items():
        raw[section] = {**raw[section], **values}
    raw["train"]["seed"] = 0
    return config.parse(raw, config.Params, source=str(path))


def identity(params: config.Params, data: arrays.Prepared) -> str:
    """Outcomes of one identity may be put in one table; where they ran is said beside it."""
    train = {k: v for k, v in msgspec.to_builtins(params.train).items() if k not in WHERE}
    return sha256_of_json([msgspec.to_builtins(params.model), train, data.dataset.sha256_of_all])


def load(name: str, params: config.Params, data: arrays.Prepared) -> dict[str, dict[str, Any]]:
    """Return the outcomes so far, by seed."""
    path = report.RESULTS / f"{name}.json"
    content = json.loads(path.read_text()) if path.exists() else {}
    same = content.get("identity") == identity(params, data)
    seeds: dict[str, dict[str, Any]] = content["seeds"] if same else {}
    return seeds


def keep(
    name: str, params: config.Params, data: arrays.Prepared, outcome: experiment.Outcome
) -> None:
    """Add an outcome to the file, which another process may be adding to as well."""
    report.RESULTS.mkdir(exist_ok=True)
    with FileLock(report.RESULTS / f".{name}.lock"):
        seeds = load(name, params, data) | {str(outcome.seed): experiment.as_json(outcome)}
        content = {
            "identity": identity(params, data),
            "dataset": data.dataset.name,
            "machine": experiment.machine(params.train.threads),
            "seeds": seeds,
        }
        write_json(report.RESULTS / f"{name}.json", content)


def publish(name: str, seeds: dict[str, dict[str, Any]], params: config.Params) -> None:
    """Write the table of all seeds, and their mean."""
    rows = [
        [seed, f"{row['validation']:.2f}", f"{row['test']:.2f}", f"{row['seconds']:.0f}"]
        for seed, row in sorted(seeds.items(), key=lambda item: int(item[0]))
    ]
    columns = {
        key: [float(row[key]) for row in seeds.values()]
        for key in ("validation", "test", "seconds")
    }
    mean = [f"mean ± sd, n = {len(seeds)}"]
    mean += [experiment.spread(columns[key]) for key in ("validation", "test")]
    mean += [f"{statistics.fmean(columns['seconds']):.0f}"]
    report.page(
        name,
        f"Recipe {name}: {next(iter(seeds.values()))['parameters']:,} parameters, "
        f"{params.train.epochs} epochs",
        report.table(["seed", "validation %", "test %", "training s"], [*rows, mean]),
        experiment.machine(params.train.threads),
        f"python -m benchmarks.record --recipe {name}",
    )


if __name__ == "__main__":
    main()
