"""What a section of params.yaml allows, in words, and what the file itself says beside it."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

BOUNDS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "above {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "below {}"),
)


@dataclass(frozen=True)
class Value:
    """A value as params.yaml writes it, and the comment behind it."""

    value: str
    comment: str


def described(params: type[Struct]) -> dict[str, dict[str, str]]:
    """By section and key: `a whole number, at least 1`, `relu, tanh` or `a list of …`."""
    _, named = msgspec.json.schema_components([params])
    sections = named[params.__name__]["properties"]
    return {
        section: {
            key: words(kind)
            for key, kind in named[reference["$ref"].rpartition("/")[2]]["properties"].items()
        }
        for section, reference in sections.items()
    }


def words(kind: dict[str, Any]) -> str:
    """One type of a JSON schema in words."""
    if "anyOf" in kind:
        return " or ".join(sorted(words(one) for one in kind["anyOf"]))
    if "enum" in kind:
        return ", ".join("null" if one is None else f"`{one}`" for one in kind["enum"])
    if kind["type"] == "array":
        items = kind.get("items") or {}
        length = _bounds(kind, (("minItems", "{} or more"), ("maxItems", "up to {}")))
        return ", ".join(("a list of " + _plural(words(items)), *length))
    name = {
        "integer": "a whole number", "number": "a number", "string": "a text",
        "boolean": "`true` or `false`", "null": "`null`",
    }[kind["type"]]  # fmt: skip
    return ", ".join((name, *_bounds(kind, BOUNDS)))


def values_of(text: str, section: str) -> dict[str, Value]:
    """Each key of a section of params.yaml; a comment that goes on below is left out."""
    body = re.split(rf"^{section}:\n", text, flags=re.MULTILINE)[1]
    body = re.split(r"^\S", body, flags=re.MULTILINE)[0]
    lines = re.findall(r"^  (\w+): *(.*?) *(?:#(.*))?$", body, flags=re.MULTILINE)
    return {key: Value(value, comment.strip()) for key, value, comment in lines}


def _bounds(kind: dict[str, Any], names: tuple[tuple[str, str], ...]) -> list[str]:
    return [text.format(f"{kind[name]:,}") for name, text in names if name in kind]


def _plural(text: str) -> str:
    return text.replace("a whole number", "whole numbers").replace("a number", "numbers")
