"""docs/reference out of the code itself: `python -m documents.reference` (`make reference`).

Commands, parameters with their types and ranges, the server's settings, paths and metrics.
`--check` only compares, and fails where a page says something else.
"""

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from contract.files import write_bytes
from convnet.commands import COMMANDS
from documents import schema
from pipeline.config import Params
from serving.counts.families import UNSEEN
from serving.counts.processes import METRICS
from serving.counts.sheet import Layout
from serving.settings import Settings

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
WRITTEN = "<!-- Written by `make reference`; do not edit. -->"
Rows = Iterator[tuple[str, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    for name, text in pages().items():
        path = FOLDER / name
        if not check:
            write_bytes(path, text.encode())
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"error: {path} is not what the code says: run `make reference`")


def pages() -> dict[str, str]:
    """Text of each page by its file name."""
    return {
        "commands.md": _page("Commands", COMMANDS_TEXT, _table(("command", "does"), commands())),
        "parameters.md": _page("Parameters", PARAMETERS_TEXT, *parameters()),
        "settings.md": _page("Settings of the server", SETTINGS_TEXT, _table(SETTING, settings())),
        "paths.md": _page("Paths of the server", PATHS_TEXT, _table(PATH, paths())),
        "metrics.md": _page("Metrics of the server", METRICS_TEXT, _table(METRIC, metrics())),
    }


COMMANDS_TEXT = """`convnet COMMAND --help` lists a command's arguments, `make` the targets. Neither
needs an activated environment."""
PARAMETERS_TEXT = """Every key of `params.yaml` must be given; an unknown one, a wrong type or a
value out of its range ends before any work. `dvc exp run -S section.key=value` sets one
for a run."""
SETTINGS_TEXT = """Each is a flag of `convnet serve` and an environment variable; a flag wins over a
variable, a variable over the default."""
PATHS_TEXT = """`/docs` on a running server describes every field; [the HTTP interface](../http.md)
says how bodies become images. Errors are JSON, `{"error": "…"}`."""
METRICS_TEXT = """`GET /metrics`, for Prometheus: counts of all workers together."""
SETTING, PATH, METRIC = (
    ("flag", "variable", "default", "meaning"),
    ("method", "path", "does", "statuses"),
    ("name", "kind", "labels", "meaning"),
)


def commands() -> Rows:
    for name, command in COMMANDS.items():
        yield f"`convnet {name}`", command.help


def parameters() -> Iterator[str]:
    """A heading and a table for each section, in the order of the types."""
    text = (ROOT / "params.yaml").read_text()
    described = schema.described(Params)
    for section in msgspec.structs.fields(Params):
        values = schema.values_of(text, section.name)
        rows = [
            (f"`{key}`", allowed, f"`{values[key].value}`", values[key].comment)
            for key, allowed in described[section.name].items()
        ]
        yield f"## {section.name}"
        yield _table(("key", "allowed", "params.yaml", "meaning"), iter(rows))


def settings() -> Rows:
    for item in dataclasses.fields(Settings):
        flag = item.name.replace("_", "-")
        flags = f"`--{flag}`" if item.type is not bool else f"`--{flag}`, `--no-{flag}`"
        least = item.metadata["least"]
        bound = "" if least is None else f"; at least {least}"
        yield (
            flags,
            f"`SERVING_{item.name.upper()}`",
            f"`{item.default!r}`",
            f"{item.metadata['help']}{bound}",
        )


def paths() -> Rows:
    document: dict[str, Any] = json.loads((ROOT / "serving/page/openapi.json").read_text())
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield (
                method.upper(),
                f"`{path}`",
                operation["summary"],
                " ".join(operation["responses"]),
            )


def metrics() -> Rows:
    for family in Layout().families.values():
        if family.kind not in UNSEEN:
            kind = "gauge" if family.kind == "version" else family.kind
            names = [label for label, _ in family.labels]
            labels = ", ".join(["role", "model", *names[1:]] if names[:1] == ["role"] else names)
            yield f"`serving_{family.name}`", kind, labels, family.text
    yield from ((f"`{name}`", kind, "", text) for name, kind, text in METRICS)
    drift = (ROOT / "serving/watch/drift.py").read_text()
    for name, text in re.findall(r'"# HELP (\w+) (.+?)"', drift):
        kind = re.findall(rf'"# TYPE {name} (\w+)"', drift)[0]
        sample = re.search(rf"{name}{{{{(.+?)}}}}", drift)
        shown = sample[1] if sample and "=" in sample[1] else "{own} feature= window="
        shown = shown.replace("{own}", "role= model= ")
        yield f"`{name}`", kind, ", ".join(re.findall(r"(\w+)=", shown)), text


def _page(title: str, text: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", WRITTEN, text, *(part.strip() for part in parts))) + "\n"


def _table(headings: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    cells = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


if __name__ == "__main__":
    main()
