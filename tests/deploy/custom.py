"""Custom resources against the schema of their definition, where unknown fields are refused.

A cluster prunes a field that a definition does not know and says nothing: a misspelt one is lost.
The repository holds the definitions cut down to the fields that our manifests use; the whole ones
are megabytes.
"""

from pathlib import Path
from typing import Any

import jsonschema
import yaml  # type: ignore[import-untyped]  # stubs are not among the tools

Schema = dict[str, Any]
TAKEN = ("type", "enum", "required", "minimum", "minLength", "anyOf", "pattern")


def definition(path: Path, version: str) -> Schema:
    """Give a version's schema in the file of a CustomResourceDefinition."""
    versions = yaml.safe_load(path.read_text())["spec"]["versions"]
    (found,) = (one for one in versions if one["name"] == version)
    schema: Schema = found["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object", "additionalProperties": True}
    return schema


def cut(schema: Schema, value: object) -> Schema:
    """Keep of a schema what `value` uses, and let nothing else in."""
    kept: Schema = {name: schema[name] for name in TAKEN if name in schema}
    if isinstance(value, list):
        kept["items"] = _cut_items(schema.get("items", {}), value)
    elif isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        kept["properties"] = {
            name: cut(known[name], one) for name, one in sorted(value.items()) if name in known
        }
        kept["additionalProperties"] = False
    elif isinstance(value, dict):
        kept["additionalProperties"] = schema.get("additionalProperties", True)
    return kept


def _cut_items(schema: Schema, values: list[object]) -> Schema:
    """What any of the items uses."""
    merged: Schema = {}
    for part in (cut(schema, value) for value in values):
        merged = _merged(merged, part)
    return merged


def _merged(first: Schema, second: Schema) -> Schema:
    both = {
        name: _merged(first[name], one)
        if isinstance(one, dict) and isinstance(first.get(name), dict)
        else one
        for name, one in second.items()
    }
    return first | both


def strict(schema: Schema) -> Schema:
    """The same schema, but what it does not name is refused, as far down as it names anything."""
    found = dict(schema)
    if "properties" in found:
        found["properties"] = {name: strict(one) for name, one in found["properties"].items()}
        if not found.get("x-kubernetes-preserve-unknown-fields"):
            found["additionalProperties"] = False
    for name in ("items", "additionalProperties"):
        if isinstance(found.get(name), dict):
            found[name] = strict(found[name])
    return found


def complaints(schema: Schema, value: object) -> list[str]:
    """Where a value does not fit its schema, and why."""
    found = jsonschema.Draft202012Validator(schema).iter_errors(value)
    return [f"{one.json_path}: {one.message}" for one in found]
