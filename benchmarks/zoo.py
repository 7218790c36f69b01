"""The convnets side by side on the prepared data set: `python -m benchmarks.zoo`.

Parameters, multiply-adds of one image, receptive field of the last map's units, accuracy and time
of a short training of each, by the recipe that `auto` comes to for it, over three seeds.
Multiply-adds count convolutions and fully connected layers.
"""

import argparse
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import experiment, report
from benchmarks.measure import measure
from pipeline import config
from pipeline.data import arrays

NAMES = ["lenet", "alexnet", "zfnet", "googlenet", "vgg11", "resnet18", "densenet121"]
FITTED = {"optimizer": "auto", "learning_rate": "auto", "adamw_learning_rate": "auto",
          "augmentation": "auto"}  # fmt: skip
RECIPE = {**FITTED, "batch_size": 32, "averaging": 0.0}  # of all but lenet: two epochs are short


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", nargs="+", default=NAMES)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=10_000, help="to train on; 0 for all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"))
    asked = parser.parse_args()
    data = experiment.limited(arrays.load(asked.prepared), asked.images)
    params = config.load(Path("params.yaml"))
    changes = {"epochs": asked.epochs, "threads": asked.threads}
    rows = [row(name, params, data, changes, asked.seeds) for name in asked.nets]
    publish(rows, data, changes)


def row(
    name: str,
    params: config.Params,
    data: arrays.Prepared,
    changes: dict[str, Any],
    seeds: Sequence[int],
) -> dict[str, Any]:
    model = config.parse(
        msgspec.to_builtins(params.model) | {"name": name}, config.Model, source="zoo"
    )
    own: dict[str, Any] = FITTED if name == "lenet" else RECIPE
    recipe = msgspec.structs.replace(params.train, **(changes | own))
    trained = [
        experiment.train(model, msgspec.structs.replace(recipe, seed=seed), data, test=True)
        for seed in seeds
    ]
    size = measure(trained[0][1].net, data.dataset.image_shape)
    return {
        "net": name,
        "parameters": size.parameters,
        "multiply_adds": size.multiply_adds,
        "receptive_field": size.field,
        "tests": [outcome.test or math.nan for outcome, _ in trained],
        "seconds": statistics.fmean(outcome.seconds for outcome, _ in trained),
    }


def publish(rows: list[dict[str, Any]], data: arrays.Prepared, changes: dict[str, Any]) -> None:
    machine, epochs = experiment.machine(changes["threads"]), changes["epochs"]
    seeds = len(rows[0]["tests"])
    cells = [
        [
            row["net"],
            row["parameters"],
            row["multiply_adds"],
            row["receptive_field"],
            experiment.spread(row["tests"]),
            f"{row['seconds']:.1f}",
        ]
        for row in rows
    ]
    headings = ["net", "parameters", "multiply-adds", "receptive field px", "test %", "training s"]
    report.save("zoo", {"machine": machine, "epochs": epochs, "nets": rows})
    report.page(
        "zoo",
        f"The zoo on {data.dataset.name}: {len(data.train):,} images, {epochs} epochs, n = {seeds}",
        report.table(headings, cells),
        machine,
        "python -m benchmarks.zoo",
    )


if __name__ == "__main__":
    main()
