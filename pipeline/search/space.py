"""sweep.yaml: what a sweep may change, as typed as params.yaml itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import config
from pipeline.config import ConfigError, Params


class Trial(Protocol):
    """The part of optuna's Trial that draws values."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...
    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...
    def suggest_categorical(self, name: str, choices: list[str]) -> Any: ...  # noqa: ANN401


class Range(Struct, frozen=True, forbid_unknown_fields=True):
    """From `low` to `high`, both included; whole numbers where both are."""

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(
                f"low {self.low} and high {self.high}: low < high, and above 0 for log"
            )

    @property
    def ends(self) -> list[Any]:
        return [self.low, self.high]

    def draw(self, trial: Trial, key: str) -> Any:  # noqa: ANN401 - a parameter's value
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(key, self.low, self.high, log=self.log)
        drawn = trial.suggest_float(key, float(self.low), float(self.high), log=self.log)
        return min(max(float(f"{drawn:.4g}"), self.low), self.high)  # what people can read


@dataclass(frozen=True)
class Choices:
    """One of these; as JSON text for optuna, which knows scalars only."""

    ends: list[Any]

    def draw(self, trial: Trial, key: str) -> Any:  # noqa: ANN401 - a parameter's value
        return json.loads(trial.suggest_categorical(key, [json.dumps(one) for one in self.ends]))


Space = Mapping[str, Range | Choices]


def load(path: Path, base: Params) -> Space:
    """Read and check: every end and choice must be a value that params.yaml takes.

    Raises ConfigError that names the key.
    """
    try:
        raw = YAML(typ="safe", pure=True).load(path)
        found = msgspec.convert(raw, dict[str, Range | list[Any]])
    except (OSError, YAMLError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"{path}: {' '.join(str(error).split())}; each key is SECTION.NAME, with a list of "
            "choices or {low: …, high: …, log: true}"
        ) from error
    space = {k: v if isinstance(v, Range) else Choices(v) for k, v in found.items()}
    for key, values in space.items():
        if not values.ends:
            raise ConfigError(f"{path}: {key} has no choices: give some")
        for value in values.ends:
            changed(base, {key: value}, source=str(path))
    return space


def changed(base: Params, values: Mapping[str, Any], *, source: str) -> Params:
    """`base` with other values at dotted keys; raises ConfigError as params.yaml would."""
    tree = msgspec.to_builtins(base)
    for key, value in values.items():
        section, _, name = key.partition(".")
        if section not in {"model", "train"}:
            raise ConfigError(f"{source}: {key!r}: a sweep changes model.… and train.… only")
        tree[section][name] = value
    return config.parse(tree, Params, source=source)
