"""What a stage is given, taken when it starts and compared when it ends.

DVC records what the files hold once the command is over (treeverse/dvc#11058): without this, an
edit during a training would stand in dvc.lock as what the weights were made with.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pathspec
from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from contract import files
from pipeline import config
from pipeline.errors import PipelineError

PIPELINE, IGNORED = "dvc.yaml", ".dvcignore"
PARAMS = "params.yaml"  # what DVC reads where a stage names no other file
SHOWN = 3
AGAIN = "undo it or keep it, `convnet repro` runs the stage again"


class InputsChangedError(PipelineError):
    """An input is no longer what the stage worked with."""


class _Stage(Struct, frozen=True):
    deps: tuple[str, ...] = ()
    params: tuple[str | dict[str, tuple[str, ...] | None], ...] = ()


@dataclass(frozen=True)
class Content:
    """A file's bytes, and what tells without reading that they are still the same."""

    state: tuple[int, int, int]  # inode, bytes, time of change in ns
    sha256: str


@dataclass(frozen=True)
class Inputs:
    """Of one stage; none where no stage of DVC's is running."""

    stage: _Stage = field(default_factory=_Stage)
    values: Mapping[str, object] = field(default_factory=dict)  # by `FILE KEY`
    contents: Mapping[Path, Content] = field(default_factory=dict)

    def changes(self) -> list[str]:
        """What differs by now, one line each: `params.yaml train.learning_rate 0.02 → 0.0001`."""
        values = _values(self.stage)
        contents = dict(_contents(self.stage.deps, self.contents))
        return [*_changed_values(self.values, values), *_changed(self.contents, contents)]

    def check(self, changed: Callable[[str], object] | None = None, *, way_on: str = AGAIN) -> None:
        """Raise InputsChangedError where anything differs, after `changed` got what.

        `way_on` says what to do.
        """
        changes = self.changes()
        if not changes:
            return
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        what = "; ".join(changes[:SHOWN]) + more
        if changed:
            changed(what)
        raise InputsChangedError(f"{what} while the stage ran: {way_on}")


def taken() -> Inputs:
    """The inputs of the stage that DVC runs in this folder, as they are now."""
    stage = _stage(os.environ.get("DVC_STAGE", "").rpartition(":")[2])
    return Inputs(stage, _values(stage), dict(_contents(stage.deps, {})))


def _stage(name: str) -> _Stage:
    """As dvc.yaml describes it; empty where it describes none of that name, or by a template."""
    try:
        raw = YAML(typ="safe", pure=True).load(Path(PIPELINE))
        return msgspec.convert(raw["stages"][name], _Stage)
    except (OSError, YAMLError, TypeError, KeyError, msgspec.ValidationError):
        return _Stage()


def _values(stage: _Stage) -> dict[str, object]:
    wanted: dict[str, list[str]] = {}
    for one in stage.params:
        for file, keys in ({PARAMS: (one,)} if isinstance(one, str) else one).items():
            wanted.setdefault(file, []).extend(keys or ("",))
    return {
        f"{file} {key}": value
        for file, keys in wanted.items()
        for key, value in _flat(Path(file)).items()
        if any(key == one or key.startswith(f"{one}." if one else "") for one in keys)
    }


def _flat(path: Path) -> dict[str, object]:
    """By dotted keys; empty where the file is being written at this moment."""
    try:
        return dict(config.flatten(YAML(typ="safe", pure=True).load(path) or {}))
    except (OSError, YAMLError, UnicodeDecodeError, AttributeError):
        return {}


def _contents(deps: Iterable[str], known: Mapping[Path, Content]) -> Iterator[tuple[Path, Content]]:
    """Each file below `deps` that DVC does not ignore; read where its state is not the `known`."""
    ignored = pathspec.GitIgnoreSpec.from_lines(_lines(Path(IGNORED)))
    for path in (path for dep in deps for path in _below(Path(dep))):
        if ignored.match_file(path):
            continue
        try:
            stat = path.stat()
            state = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            before = known.get(path)
            same = before is not None and before.state == state
            yield path, before if before and same else Content(state, files.sha256_of_file(path))
        except FileNotFoundError:  # gone between the listing and the look
            continue


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []


def _below(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in sorted(names))


def _changed_values(before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    for key in [*before, *(key for key in now if key not in before)]:
        old, new = before.get(key, "absent"), now.get(key, "absent")
        if old != new:
            yield f"{key} {_word(old)} → {_word(new)}"


def _changed(before: Mapping[Path, Content], now: Mapping[Path, Content]) -> Iterator[str]:
    yield from (f"{path} was removed" for path in before if path not in now)
    yield from (f"{path} was added" for path in now if path not in before)
    yield from (
        f"{path} was edited"
        for path, content in before.items()
        if path in now and now[path].sha256 != content.sha256
    )


def _word(value: object) -> str:
    return "null" if value is None else str(value)
