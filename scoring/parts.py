"""Parquet parts: one row a picture, and in the metadata whose answers they are and their counts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from contract.arrays import Probabilities
from contract.files import atomic_write
from scoring import storage
from scoring.tally import Tally
from scoring.tally import read as read_tally
from serving.models.model import Facts

_TALLY = b"scoring.tally"


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Of one part, in the order of its slice."""

    paths: Sequence[str]
    probabilities: Probabilities  # (N, classes); of a row with an error nothing is meant
    familiarity: NDArray[np.float32] | None  # (N,)
    errors: Sequence[str | None]  # None: answered
    truths: Sequence[str | None] | None  # None: no labels were asked for


def table(rows: Rows, facts: Facts, tally: Tally) -> pa.Table:
    """A row with an error has nulls in the place of its answer."""
    bad = np.array([error is not None for error in rows.errors], bool)
    best = rows.probabilities.argmax(axis=1)
    top = np.take_along_axis(rows.probabilities, best[:, None], axis=1)[:, 0]
    fields: dict[str, pa.Array] = {
        "path": pa.array(rows.paths, pa.string()),
        "label": pa.array(np.array(facts.classes, object)[best], pa.string(), mask=bad),
        "probability": pa.array(top, pa.float32(), mask=bad),
        "probabilities": _lists(rows.probabilities, bad),
    }
    if rows.familiarity is not None:
        fields["familiarity"] = pa.array(rows.familiarity, pa.float32(), mask=bad)
    fields["error"] = pa.array(rows.errors, pa.string())
    fields["model_version"] = pa.array([facts.version] * len(bad), pa.string())
    if rows.truths is not None:
        fields["truth"] = pa.array(rows.truths, pa.string())
    return pa.table(fields).replace_schema_metadata(_metadata(facts, tally))


def _lists(values: NDArray[np.float32], bad: NDArray[np.bool_]) -> pa.ListArray:
    kept = values[~bad]
    ends = np.concatenate([[0], np.cumsum(np.where(bad, 0, values.shape[1]))])
    return pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()), pa.array(kept.reshape(-1), pa.float32()), mask=pa.array(bad)
    )


def _metadata(facts: Facts, tally: Tally) -> dict[bytes, bytes]:
    said: dict[str, Any] = {
        "model.name": facts.name,
        "model.version": facts.version,
        "model.sha256": facts.sha256,
        "dataset.name": facts.dataset.name,
        "dataset.sha256": facts.dataset.sha256,
        "params.sha256": facts.params_sha256,
        "classes": json.dumps(facts.classes, ensure_ascii=False),
    }
    return {name.encode(): str(value).encode() for name, value in said.items()} | {
        _TALLY: tally.text().encode()
    }


def write(address: str, content: pa.Table) -> None:
    """Whole or not at all: written beside its place and renamed, or put as one object."""
    if storage.is_remote(address):
        sink = pa.BufferOutputStream()
        pq.write_table(content, sink, compression="zstd")
        return storage.write(address, sink.getvalue().to_pybytes())
    with atomic_write(storage.local(address)) as file:
        pq.write_table(content, file, compression="zstd")
    return None


def counted(address: str) -> Tally:
    """The counts of a finished part; raises ScoringRefused where it cannot be read."""
    system, path = storage.place(address)
    return read_tally(pq.read_metadata(path, filesystem=system).metadata[_TALLY])
