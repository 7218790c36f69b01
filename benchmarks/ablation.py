"""The post's choices, one changed at a time: `python -m benchmarks.ablation`.

Each row is LeNet with a short recipe, on the validation split; the test split is not asked.
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import experiment, report
from pipeline import config
from pipeline.data import arrays

CHOICES: dict[str, dict[str, Any]] = {
    "as params.yaml": {},
    "tanh": {"nonlinearity": "tanh"},
    "sigmoid": {"nonlinearity": "sigmoid"},
    "average pooling": {"pooling": "average"},
    "sum pooling": {"pooling": "sum"},
    "stride 2": {"stride": 2, "filters": [6]},
    "one block (for stride 2)": {"filters": [6]},
    "padding 2 (wide)": {"padding": 2},
    "half the filters": {"filters": [3, 8]},
    "twice the filters": {"filters": [12, 32]},
    "two 3x3 convolutions before a pooling": {"convolutions": 2, "kernel": 3},
    "one 3x3 convolution before a pooling": {"kernel": 3},
    "no batch norm": {"batch_norm": False},
    "squared error": {"loss": "squared_error"},
    "SGD, 0.1": {"optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.0005},
    "AdamW, 0.003": {"optimizer": "adamw", "learning_rate": 0.003},
    "no averaging": {"averaging": 0.0},
    "no augmentation": {
        "rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic": 0.0,
    },
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=10_000, help="to train on; 0 for all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"))
    asked = parser.parse_args()
    data = arrays.load(asked.prepared)
    data = replace(data, train=experiment.limited(data, asked.images).train)
    params = config.load(Path("params.yaml"))
    short = {"epochs": asked.epochs, "threads": asked.threads}
    outcomes = {
        name: [train(params, short | changes | {"seed": seed}, data) for seed in asked.seeds]
        for name, changes in CHOICES.items()
    }
    publish(outcomes, data, short)


def train(
    params: config.Params, changes: dict[str, Any], data: arrays.Prepared
) -> experiment.Outcome:
    """Train with the changes in whichever section has the key."""
    raw = msgspec.to_builtins(params)
    for key, value in changes.items():
        raw["model" if key in raw["model"] else "train"][key] = value
    changed = config.parse(raw, config.Params, source="ablation")
    outcome, _ = experiment.train(changed.model, changed.train, data, test=False)
    return outcome


def publish(
    outcomes: dict[str, list[experiment.Outcome]], data: arrays.Prepared, short: dict[str, int]
) -> None:
    dataset, epochs = data.dataset.name, short["epochs"]
    rows = [
        [
            name,
            seeds[0].parameters,
            experiment.spread([outcome.validation for outcome in seeds]),
            f"{statistics.fmean(outcome.validation_loss for outcome in seeds):.4f}",
            f"{statistics.fmean(outcome.seconds for outcome in seeds):.1f}",
        ]
        for name, seeds in outcomes.items()
    ]
    machine = experiment.machine(short["threads"])
    count = len(next(iter(outcomes.values())))
    headings = ["changed", "parameters", "validation % ± sd", "validation loss", "training s"]
    content = {
        "dataset": dataset,
        "epochs": epochs,
        "images": len(data.train),
        "machine": machine,
        "outcomes": {
            name: [experiment.as_json(outcome) for outcome in seeds]
            for name, seeds in outcomes.items()
        },
    }
    report.save("ablation", content)
    report.page(
        "ablation",
        f"The post's choices on {len(data.train):,} images of {dataset}, "
        f"{epochs} epochs, n = {count}",
        report.table(headings, rows),
        machine,
        "python -m benchmarks.ablation",
    )


if __name__ == "__main__":
    main()
