"""params.yaml as frozen types: whatever is wrong in it dies here, before any work.

Each class is a section, each field a key; params.yaml says the units. `load` is the only way in.
"""

import difflib
import math
import re
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, get_origin

import msgspec
from msgspec import Meta, Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import net_names
from pipeline.errors import PipelineError

Scalar = str | int | float | bool | None
Count = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]
Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
LEAST_NORMED = 3  # images; batches are cut evenly, so the smallest then has two
Fraction = Annotated[float, Meta(ge=0, lt=1)]
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"

DatasetName = Literal[
    "mnist", "fashion_mnist", "kmnist", "qmnist", "emnist", "cifar10", "digits", "folder"
]
EmnistSplit = Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"]
Nonlinearity = Literal["relu", "tanh", "sigmoid", "gelu", "silu"]
Pooling = Literal["max", "average", "sum"]


class ConfigError(PipelineError, ValueError):
    """params.yaml says something that no run can be made of."""


class Data(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    dataset: DatasetName
    offline_fallback: Literal["digits"] | None
    validation_fraction: Annotated[float, Meta(gt=0, le=0.5)]
    limit: Annotated[int, Meta(ge=10)] | None
    seed: Seed
    emnist_split: EmnistSplit
    folder_size: Annotated[int, Meta(ge=4, le=1024)]
    folder_colour: Literal["rgb", "grey"]
    folder_fit: Literal["squeeze", "crop", "pad"]
    folder_unreadable: Fraction
    allow_leak: bool
    name: Annotated[str, Meta(pattern=NAME)] | None
    feedback: bool

    def __post_init__(self) -> None:
        if self.name and self.dataset != "folder":
            raise ValueError(
                f"name {self.name!r} goes with the dataset folder, not {self.dataset}, which has "
                "a name: set it to null"
            )


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    pretrained: bool
    canvas: Annotated[int, Meta(ge=1, le=1024)]
    filters: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=8)]
    convolutions: Annotated[int, Meta(ge=1, le=8)]
    kernel: Count
    stride: Count
    padding: Natural
    nonlinearity: Nonlinearity
    pooling: Pooling
    hidden: tuple[Count, ...]
    batch_norm: bool

    def __post_init__(self) -> None:
        net_names.check(self.name)
        if self.pretrained:
            net_names.check_pretrained(self.name)
        if self.padding >= self.kernel:
            raise ValueError(
                f"padding {self.padding} is not smaller than the kernel {self.kernel}: "
                "the outermost values would see nothing but zeros; "
                f"allowed is 0 to {self.kernel - 1}"
            )


class Train(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seed: Seed
    threads: Annotated[int, Meta(ge=1, le=256)]
    epochs: Count
    batch_size: Count
    optimizer: Literal["sgd", "adamw", "muon"]
    learning_rate: Positive
    adamw_learning_rate: Positive
    momentum: Fraction
    weight_decay: NonNegative
    schedule: Literal["constant", "cosine", "one_cycle"]
    warmup_fraction: Fraction
    loss: Literal["cross_entropy", "squared_error"]
    label_smoothing: Fraction
    balance: Literal["none", "weights", "sampling"]
    averaging: Fraction
    rotation: Annotated[float, Meta(ge=0, le=180)]
    scale: Fraction
    shear: Annotated[float, Meta(ge=0, le=1)]
    shift: NonNegative
    elastic: NonNegative
    accelerator: Literal["auto", "cpu", "gpu"]
    devices: Count
    strategy: Literal["auto", "ddp"]
    num_nodes: Count
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "auto"]
    compile: bool
    cuda_graph: bool
    deterministic: bool

    def __post_init__(self) -> None:
        if self.loss == "squared_error" and self.label_smoothing > 0:
            raise ValueError(
                f"label_smoothing {self.label_smoothing} goes with the loss cross_entropy, "
                "not squared_error: set it to 0.0"
            )
        if self.precision == "16-mixed" and self.accelerator == "cpu":
            raise ValueError("precision 16-mixed needs a GPU; on a CPU take 32-true or bf16-mixed")
        if self.precision == "auto" and self.devices * self.num_nodes > 1:
            raise ValueError(
                "precision auto is measured on one device; for several take 32-true or bf16-mixed"
            )


class Export(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model_name: Annotated[str, Meta(pattern=NAME)] | None
    parity_tolerance: Annotated[float, Meta(gt=0, le=0.01)]
    golden_images: Annotated[int, Meta(ge=1, le=16)]
    kept: Annotated[float, Meta(ge=0.5, lt=1)]
    temperature: Literal["auto"] | Annotated[float, Meta(ge=0.05, le=20)]


class Evaluate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    batch_size: Count
    calibration_bins: Annotated[int, Meta(ge=2, le=100)]
    mistakes: Annotated[int, Meta(ge=1, le=100)]
    coverage: Annotated[float, Meta(ge=0.5, le=0.9999)]
    foreign: Annotated[int, Meta(ge=10, le=10_000)]
    shift: Count
    rotation: Annotated[float, Meta(gt=0, le=180)]
    noise: Positive
    blur: Positive


class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    data: Data
    model: Model
    train: Train
    export: Export
    evaluate: Evaluate

    def __post_init__(self) -> None:
        if self.model.batch_norm and self.train.batch_size < LEAST_NORMED:
            raise ValueError(
                f"train.batch_size {self.train.batch_size} goes with model.batch_norm false: "
                f"its statistics need batches of {LEAST_NORMED} images or more"
            )


def load(path: Path) -> Params:
    """Read and check the whole file.

    Raises ConfigError that names the file, the key, what was given and what is allowed.
    """
    try:
        raw = YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist: run from the repository root") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    return parse(raw, Params, source=str(path))


Section = TypeVar("Section", bound=Struct)


def parse(raw: object, section: type[Section], *, source: str) -> Section:
    """Turn plain YAML content into `section`; raises ConfigError as `load` does."""
    _refuse_not_finite(raw, source, ())
    try:
        return msgspec.convert(raw, section)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_explain(str(error), raw, section)}") from error


def flatten(params: Struct | dict[str, Any], *sections: str) -> dict[str, Scalar]:
    """Every value by its dotted key, of some sections or of all.

    Lists become their text, for trackers that know scalars only.
    """
    flat: dict[str, Scalar] = {}
    for name, value in msgspec.to_builtins(params).items():
        if sections and name not in sections:
            continue
        for key, leaf in value.items() if isinstance(value, dict) else ((None, value),):
            dotted = name if key is None else f"{name}.{key}"
            flat[dotted] = str(list(leaf)) if isinstance(leaf, list | tuple) else leaf
    return flat


def _refuse_not_finite(raw: object, source: str, place: tuple[str, ...]) -> None:
    if isinstance(raw, dict):
        for key, value in raw.items():
            _refuse_not_finite(value, source, (*place, str(key)))
    elif isinstance(raw, float) and not math.isfinite(raw):
        raise ConfigError(f"{source}: {'.'.join(place)} is {raw!r}: a finite number is needed")


def _explain(message: str, raw: object, section: type[Struct]) -> str:
    """Reword msgspec's `RULE - at `$.a.b`` as `a.b is GIVEN: RULE`."""
    rule, _, where = message.partition(" - at `$")
    keys = [key for key in re.split(r"[.\[\]]+", where.rstrip("`")) if key]
    if unknown := re.search(r"unknown field `(.+)`", rule):
        return _explain_unknown(unknown[1], keys, section)
    if missing := re.search(r"missing required field `(.+)`", rule):
        return f"{'.'.join([*keys, missing[1]])} is missing: every key must be given"
    given = raw
    for key in keys:
        given = given[int(key) if isinstance(given, list) else key] if given else given  # type: ignore[index]
    if isinstance(given, dict):  # a rule between two keys: its text names both
        return f"{'.'.join(keys)}: {rule}"
    allowed = _allowed(keys, section)
    return f"{'.'.join(keys) or 'the file'} is {given!r}: {rule}{allowed}"


def _explain_unknown(name: str, keys: list[str], section: type[Struct]) -> str:
    known = [field.name for field in msgspec.structs.fields(_struct_at(keys, section))]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    place = ".".join([*keys, name])
    return f"{place} is not a key{hint}; allowed here: {', '.join(known)}"


def _struct_at(keys: list[str], section: type[Struct]) -> type[Struct]:
    for key in keys:
        section = section.__annotations__[key]
    return section


def _allowed(keys: list[str], section: type[Struct]) -> str:
    """The choices, where the key is one of a list of words."""
    if not keys or keys[-1].isdigit():
        return ""
    kind: Any = _struct_at(keys[:-1], section).__annotations__[keys[-1]]
    words = [word for part in (kind, *getattr(kind, "__args__", ())) for word in _words(part)]
    return f"; allowed: {', '.join(words)}" if words and words != ["null"] else ""


def _words(kind: Any) -> list[str]:  # noqa: ANN401 - a type form has no common type
    if kind is NoneType:
        return ["null"]
    return [str(word) for word in kind.__args__] if get_origin(kind) is Literal else []
