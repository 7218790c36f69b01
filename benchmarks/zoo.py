"""The convnets side by side on the prepared data set: `python -m benchmarks.zoo`.

Parameters, multiply-adds of one image, receptive field of the last map's units, accuracy and time
of a short training of each. Multiply-adds count convolutions and fully connected layers.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import experiment, report
from benchmarks.measure import measure
from pipeline import config
from pipeline.data import arrays

NAMES = ["lenet", "alexnet", "zfnet", "googlenet", "vgg11", "resnet18", "densenet121"]
RECIPE = {"optimizer": "adamw", "learning_rate": 0.0005, "batch_size": 32, "averaging": 0.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", nargs="+", default=NAMES)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=10_000, help="to train on; 0 for all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"))
    asked = parser.parse_args()
    data = experiment.limited(arrays.load(asked.prepared), asked.images)
    params = config.load(Path("params.yaml"))
    changes = {"epochs": asked.epochs, "threads": asked.threads}
    rows = [row(name, params, data, changes) for name in asked.nets]
    publish(rows, data, asked.threads, asked.epochs)


def row(
    name: str, params: config.Params, data: arrays.Prepared, changes: dict[str, Any]
) -> dict[str, str | int | float]:
    model = config.parse(
        msgspec.to_builtins(params.model) | {"name": name}, config.Model, source="zoo"
    )
    own: dict[str, Any] = {} if name == "lenet" else RECIPE
    recipe = msgspec.structs.replace(params.train, **(changes | own))
    outcome, module = experiment.train(model, recipe, data, test=True)
    size = measure(module.net, data.dataset.image_shape)
    return {
        "net": name,
        "parameters": size.parameters,
        "multiply_adds": size.multiply_adds,
        "receptive_field": size.field,
        "test": outcome.test or math.nan,
        "seconds": outcome.seconds,
    }


def publish(
    rows: list[dict[str, str | int | float]], data: arrays.Prepared, threads: int, epochs: int
) -> None:
    machine = experiment.machine(threads)
    cells = [
        [
            row["net"],
            row["parameters"],
            row["multiply_adds"],
            row["receptive_field"],
            f"{row['test']:.2f}",
            f"{row['seconds']:.1f}",
        ]
        for row in rows
    ]
    headings = ["net", "parameters", "multiply-adds", "receptive field px", "test %", "training s"]
    report.save("zoo", {"machine": machine, "epochs": epochs, "nets": rows})
    report.page(
        "zoo",
        f"The zoo on {data.dataset.name}: {len(data.train):,} images, {epochs} epochs, n = 1",
        report.table(headings, cells),
        machine,
        "python -m benchmarks.zoo",
    )


if __name__ == "__main__":
    main()
