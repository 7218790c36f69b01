"""From YAML to the sections: what is wrong becomes one line that names the key."""

import difflib
import math
import re
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_origin

import msgspec
from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.config.sections import Params, Resolved, Train
from pipeline.errors import PipelineError

Scalar = str | int | float | bool | None


class ConfigError(PipelineError, ValueError):
    """params.yaml says something that no run can be made of."""


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


def settled(train: Train) -> Resolved:
    """The section as a training takes it; raises ConfigError where it still says auto."""
    return parse(msgspec.to_builtins(train), Resolved, source="train")


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
    parts = (kind, *getattr(kind, "__args__", ()))
    words = [word for part in parts for word in _words(part)]
    if (
        words
        and words != ["null"]
        and any(getattr(part, "__origin__", None) is float for part in parts)
    ):
        words.insert(0, "a number")
    return f"; allowed: {', '.join(words)}" if words and words != ["null"] else ""


def _words(kind: Any) -> list[str]:  # noqa: ANN401 - a type form has no common type
    if kind is NoneType:
        return ["null"]
    return [str(word) for word in kind.__args__] if get_origin(kind) is Literal else []
