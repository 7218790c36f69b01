"""data/raw, as fetch leaves it: the files of one data set as published, and source.json."""

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from contract.files import sha256_of_file
from pipeline.errors import PipelineError

SOURCE_JSON = "source.json"


class RawError(PipelineError):
    """The raw folder cannot be filled, or is not what its source.json says."""


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of source.json. No address: two mirrors give the same bytes."""

    name: str
    requested: str
    source: Literal["published", "fallback"]
    files: dict[str, str]  # path below data/raw/<name>: sha256


def load(raw: Path, requested: str) -> Source:
    """Read source.json, and compare it with the data set asked for and with every file."""
    path = raw / SOURCE_JSON
    try:
        source = msgspec.json.decode(path.read_bytes(), type=Source)
    except FileNotFoundError as error:
        raise RawError(f"{path} does not exist: run `dvc repro fetch`") from error
    except msgspec.DecodeError as error:
        raise RawError(f"{path} is damaged: {error}; run `make refetch`") from error
    if source.requested != requested:
        raise RawError(
            f"{raw} was fetched for {source.requested!r}, and data.dataset is {requested!r}: "
            "run `dvc repro fetch`"
        )
    for name, expected in source.files.items():
        file = raw / source.name / name
        found = sha256_of_file(file) if file.is_file() else "nothing"
        if found != expected:
            raise RawError(
                f"{file} is damaged: sha256 {expected} is expected, and {found} is there; "
                "run `make refetch`"
            )
    return source
