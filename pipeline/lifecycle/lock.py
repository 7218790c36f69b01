"""dvc.lock: what each stage was given and made; and whether the model's own file says the same."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from ruamel.yaml import YAML

from contract import files
from contract.metadata import Metadata
from pipeline import config
from pipeline.lifecycle.errors import RefusedError

LOCK = "dvc.lock"


class _File(Struct, frozen=True):
    path: str
    md5: str


class _Stage(Struct, frozen=True):
    deps: tuple[_File, ...] = ()
    outs: tuple[_File, ...] = ()
    params: dict[str, dict[str, Any]] = {}  # by file


class _Content(Struct, frozen=True):
    stages: dict[str, _Stage]


@dataclass(frozen=True)
class Lock:
    path: Path
    stages: Mapping[str, _Stage]

    @property
    def made(self) -> dict[str, str]:
        """DVC's hashes of all outs, by path."""
        return {out.path: out.md5 for stage in self.stages.values() for out in stage.outs}

    def tags(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """For the registry: this file's sha256, and the hashes of the `wanted` paths by tag."""
        made = self.made
        known = {tag: made[name] for tag, name in wanted.items() if name in made}
        return {"dvc.lock_sha256": files.sha256_of_file(self.path), **known}

    def check_files(self, at: Mapping[str, Path]) -> None:
        """Every file, and every folder, is what a stage made."""
        made = self.made
        for name, file in at.items():
            found = md5_of(file)
            if made.get(name) != found:
                raise RefusedError(
                    f"{name} has md5 {found!r}, and dvc.lock says {made.get(name)!r}: it is not "
                    "what the pipeline made last; run `dvc repro`, or `dvc checkout`"
                )

    def check_chain(self) -> None:
        """Every stage was given what the stage before it made."""
        made = self.made
        for name, stage in self.stages.items():
            for dep in stage.deps:
                if made.get(dep.path, dep.md5) != dep.md5:
                    raise RefusedError(
                        f"{name} was given {dep.path} with md5 {dep.md5!r}, and since then "
                        f"{made[dep.path]!r} was made: run `dvc repro`"
                    )

    def check_hyperparameters(self, metadata: Metadata) -> None:
        """The model's file and dvc.lock ask for the same; files from before name none."""
        given = {
            key: value
            for stage in self.stages.values()
            for params in stage.params.values()
            for key, value in config.flatten(params).items()
        }
        asked = {**metadata.hyperparameters, **metadata.asked}
        for key, value in asked.items():
            if key not in given or given[key] != value:
                said = repr(given[key]) if key in given else "nothing of it"
                raise RefusedError(
                    f"the model was trained with {key} {value!r}, and dvc.lock says {said}: "
                    "`dvc repro -f -s train`, then `dvc repro`"
                )


def md5_of(path: Path) -> str:
    """As DVC has it: of a folder, that of the list of its files."""
    if not path.is_dir():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    inside = sorted(one for one in path.rglob("*") if one.is_file())
    listed = [{"md5": md5_of(one), "relpath": one.relative_to(path).as_posix()} for one in inside]
    text = json.dumps(listed, sort_keys=True).encode()
    return f"{hashlib.md5(text, usedforsecurity=False).hexdigest()}.dir"


def read(root: Path) -> Lock:
    """Raises RefusedError where there is none, or it cannot be read."""
    path = root / LOCK
    try:
        return Lock(path, msgspec.convert(YAML(typ="safe", pure=True).load(path), _Content).stages)
    except (OSError, msgspec.ValidationError) as error:
        raise RefusedError(f"{path} cannot be read ({error}): run `dvc repro`") from error
