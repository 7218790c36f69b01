"""What parameters, metrics and data are called in MLflow, whose pages sort by name.

What is looked for first has a short name: `learning_rate`, `accuracy_test`. The rest lies under
prefixes that sort behind: `yaml/train.momentum`, `curves/val_loss`, `on_test/nll`. The name of a
metric says what data it was measured on.
"""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

FIRST = {  # by the key of params.yaml
    "model.name": "net",
    "train.optimizer": "optimizer",
    "train.learning_rate": "learning_rate",
    "train.epochs": "epochs",
    "train.batch_size": "batch_size",
    "train.seed": "seed",
}
YAML, CURVES = "yaml/", "curves/"
TRAINING, VALIDATION, TEST = "training", "validation", "test"  # contexts of a run's inputs
ACCURACY = {VALIDATION: "accuracy_validation", TEST: "accuracy_test"}
MEASURED_ON = {
    f"{CURVES}train_": TRAINING,
    f"{CURVES}val_": VALIDATION,
    ACCURACY[VALIDATION]: VALIDATION,
    "on_validation/": VALIDATION,
    "onnx/": VALIDATION,
    "int8/": VALIDATION,
    ACCURACY[TEST]: TEST,
    "on_test/": TEST,
    "robustness/": TEST,
}


def of_params(values: Mapping[str, T]) -> dict[str, T]:
    """Return what is logged of keys of params.yaml: the first ones twice, by their short name."""
    first = {FIRST[key]: value for key, value in values.items() if key in FIRST}
    return {**first, **{f"{YAML}{key}": value for key, value in values.items()}}


def of_curves(row: Mapping[str, float]) -> dict[str, float]:
    """Return what is logged of an epoch, whose number is the step."""
    return {f"{CURVES}{key}": value for key, value in row.items() if key != "epoch"}


def of_results(groups: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return `group/name` of all, after the accuracies on validation and test split."""
    first = {
        ACCURACY[split]: groups[group]["accuracy"]
        for split, group in ((TEST, "on_test"), (VALIDATION, "on_validation"))
        if group in groups
    }
    rest = {f"{group}/{key}": v for group, values in groups.items() for key, v in values.items()}
    return {**first, **rest}


def measured_on(metric: str) -> str:
    """Return the context of the input that it was measured on, or nothing."""
    return next((split for start, split in MEASURED_ON.items() if metric.startswith(start)), "")


def is_of_model(metric: str) -> bool:
    """Whether it says something of the exported model, and not of its training."""
    return bool(measured_on(metric)) and not metric.startswith(CURVES)
