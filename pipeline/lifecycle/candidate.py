"""The model that the workspace holds, checked: whole, evaluated, and of the data that it names."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract import files, sidecars
from contract.metadata import Metadata
from pipeline.export import onnx_metadata, variant_table
from pipeline.export.onnx_run import open_session
from pipeline.export.variant_table import VariantsError
from pipeline.lifecycle import lock
from pipeline.lifecycle.errors import RefusedError

T = TypeVar("T")


@dataclass(frozen=True)
class Places:
    """Where the stages leave what promotion reads (dvc.yaml says so too)."""

    root: Path
    onnx: str = "models/model.onnx"
    activations: str = "models/model.activations.onnx"
    card: str = "models/model.card.json"
    predictions: str = "models/model.predictions.npz"
    variants: str = "models/variants"  # a folder
    parity: str = "metrics/export.json"
    evaluation: str = "metrics/evaluate.json"

    def all(self) -> tuple[str, ...]:
        sidecars = (self.activations, self.card, self.predictions)
        return (self.onnx, *sidecars, self.variants, self.parity, self.evaluation)


@dataclass(frozen=True)
class Candidate:
    onnx: Path
    sidecars: tuple[Path, ...]
    sha256: str
    metadata: Metadata
    right: NDArray[np.bool_]  # (N,) whether each test image was classified rightly
    metrics: dict[str, float]  # of metrics/evaluate.json, by dotted names
    training: str | None = None  # the tag pipeline.run, as the card has it
    hashes: dict[str, str] = field(default_factory=dict)  # DVC's, by what they are of
    variants: tuple[Path, ...] = ()  # files of those that passed their gate
    of_variants: dict[str, str] = field(default_factory=dict)  # each in a line, as the card says

    @property
    def name(self) -> str:
        return self.metadata.model_name


class _Run(Struct, frozen=True):
    training: str | None = None


class _Card(Struct, frozen=True):
    model_sha256: str
    run: _Run | None = None
    variants: dict[str, str] = {}


class _Parity(Struct, frozen=True):
    onnx_parity: dict[str, float]  # max |torch - onnxruntime| by batch size


def read(places: Places, *, tolerance: float) -> Candidate:
    """Read and check everything; raises RefusedError with the first thing that is wrong."""
    at = {name: _existing(places.root / name) for name in places.all()}
    known = lock.read(places.root)
    known.check_files(at)
    known.check_chain()
    sha256 = files.sha256_of_file(at[places.onnx])
    card = _decoded(at[places.card], _Card)
    _check_belongs(at[places.card], card.model_sha256, sha256)
    _check_belongs(at[places.activations], _model_of(at[places.activations]), sha256)
    _check_parity(at[places.parity], tolerance)
    metadata = onnx_metadata.read(_properties(at[places.onnx]), name=places.onnx)
    _check_name(metadata)
    known.check_hyperparameters(metadata)
    hashes = known.tags({"dvc.onnx_md5": places.onnx, "dvc.data_md5": "data/prepared"})
    metrics = _flat(_decoded(at[places.evaluation], dict[str, Any]))
    sidecars = (at[places.activations], at[places.card], at[places.predictions])
    right = read_right(at[places.predictions])
    return Candidate(
        onnx=at[places.onnx],
        sidecars=sidecars,
        sha256=sha256,
        metadata=metadata,
        right=right,
        metrics=metrics,
        training=card.run.training if card.run else None,
        hashes=hashes,
        variants=_variants(at[places.variants], sha256),
        of_variants=card.variants,
    )


def read_right(path: Path) -> NDArray[np.bool_]:
    """Whether each test image was classified rightly; raises RefusedError."""
    try:
        with np.load(path) as saved:
            labels, probabilities = saved["labels"], saved["probabilities"]
    except (OSError, ValueError, KeyError) as error:
        raise RefusedError(f"{path} cannot be read ({error}): run `dvc repro`") from error
    right: NDArray[np.bool_] = probabilities.argmax(axis=1) == labels
    return right


def _variants(folder: Path, sha256: str) -> tuple[Path, ...]:
    try:
        table = variant_table.read(folder, model_sha256=sha256)
    except VariantsError as error:
        raise RefusedError(str(error)) from error
    return tuple(folder / f"{name}.onnx" for name in table.served)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise RefusedError(
            f"{path} does not exist: a model is promoted when export and evaluate have run; "
            "run `dvc repro`"
        )
    return path


def _check_belongs(path: Path, given: str | None, sha256: str) -> None:
    if given != sha256:
        raise RefusedError(
            f"{path.name} belongs to the model {given!r}, and model.onnx is {sha256!r}: "
            "run `dvc repro`"
        )


def _check_parity(path: Path, tolerance: float) -> None:
    found = _decoded(path, _Parity).onnx_parity
    if not found or not all(value <= tolerance for value in found.values()):
        raise RefusedError(
            f"the parity gate was not passed: {path.name} says {found!r}, allowed is "
            f"{tolerance:g} (export.parity_tolerance); run `dvc repro export`"
        )


def _check_name(metadata: Metadata) -> None:
    dataset = metadata.dataset
    own = f"{dataset.name}-classifier"
    if dataset.name != dataset.requested and metadata.model_name != own:
        raise RefusedError(
            f"the model learned from the fallback set {dataset.name!r}, and is named "
            f"{metadata.model_name!r} after what was asked for, {dataset.requested!r}: "
            f"`make refetch`, or set export.model_name to null or {own!r}"
        )


def _model_of(path: Path) -> str | None:
    return sidecars.model_of(_properties(path))


def _properties(path: Path) -> dict[str, str]:
    try:
        return dict(open_session(path).get_modelmeta().custom_metadata_map)
    except Exception as error:  # its own exception classes are not public
        raise RefusedError(f"{path} is no model ({error}): run `dvc repro -f export`") from error


def _decoded(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        raise RefusedError(f"{path} cannot be read ({error}): run `dvc repro`") from error


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, float]:
    flat: dict[str, float] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, int | float):
            flat[prefix + key] = float(value)
    return flat
