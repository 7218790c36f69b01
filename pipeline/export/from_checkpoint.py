"""From a checkpoint to the model file, its activations file and its variants, past their gates."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from torch import nn

from contract.files import atomic_write, sha256_of_bytes
from contract.sidecars import FP32
from pipeline import config
from pipeline.config import Scalar
from pipeline.data.arrays import Dataset, Prepared
from pipeline.export import last_layer, model_file, parity, variants
from pipeline.export import temperature as temperatures
from pipeline.export.activations_file import activations_bytes
from pipeline.export.familiarity import reference
from pipeline.export.model_file import Asked
from pipeline.export.parity import Parity
from pipeline.export.variants import Variants
from pipeline.training import checkpoint
from pipeline.training.classifier import ImageClassifier


@dataclass(frozen=True)
class Trained:
    net: nn.Module
    hyperparameters: dict[str, Scalar]  # by their dotted keys
    params_sha256: str
    asked: dict[str, Scalar] = field(default_factory=dict)  # likewise, where params.yaml said auto


@dataclass(frozen=True)
class Pair:
    model: bytes
    activations: bytes
    images: int  # that both were compared on
    found: tuple[Parity, ...]
    found_of_activations: tuple[Parity, ...]
    asked: Asked
    without: str  # why it has no familiarity; empty where it has
    variants: Variants

    @property
    def metrics(self) -> dict[str, float | Mapping[str, float | str]]:
        """For metrics/export.json: few columns, because `dvc exp show` shows them all."""
        return {
            "activations_parity": max(parity.plain(self.found_of_activations).values()),
            "onnx_bytes": len(self.model),
            "onnx_parity": parity.plain(self.found),
            "temperature": self.asked.temperature.value,
            **({} if self.without else {"familiarity_parity": parity.familiarity(self.found)}),
            **self.variants.table.metrics(),
        }

    @property
    def summary(self) -> dict[str, dict[str, float]]:
        """For the tracker, by group: the worst of all sizes of batches; each variant."""
        of_model: dict[str, float] = {
            "activations_parity": max(parity.plain(self.found_of_activations).values()),
            "bytes": len(self.model),
            "parity": max(parity.plain(self.found).values()),
        }
        return {"onnx": of_model, **self.variants.table.numbers()}

    def sentence(self) -> str:
        return f"{len(self.model):,} bytes; {parity.sentence(self.found, self.images)}"

    def write(self, onnx: Path, activations: Path, variants: Path) -> None:
        """Both files, or none; then the folder of the variants."""
        with atomic_write(onnx) as file, atomic_write(activations) as beside:
            file.write(self.model)
            beside.write(self.activations)
        self.variants.write(variants)


def load(path: Path, dataset: Dataset) -> Trained:
    """Raises ExportError for weights of other data, CheckpointError for another release's."""
    origin = checkpoint.read_origin(path)
    model_file.check_data(origin, dataset)
    try:
        classifier = ImageClassifier.load_from_checkpoint(path, map_location="cpu")
    except msgspec.ValidationError as error:
        raise checkpoint.CheckpointError(
            f"{path} was trained by another release of this code, whose parameters differ "
            f"({error}); run `dvc repro` to train anew"
        ) from error
    hyperparameters = config.flatten(dict(classifier.hparams), "model", "train")
    asked = dict(classifier.hparams["asked"])
    return Trained(classifier.net, hyperparameters, origin.params_sha256, asked)


def export(  # noqa: PLR0913 - values, not the section
    trained: Trained,
    prepared: Prepared,
    *,
    name: str | None,
    golden: int,
    tolerance: float,
    kept: float = 0.95,
    temperature: float | str = "auto",
    coverage: float = 0.99,
    asked_variants: Sequence[str] = (FP32,),
) -> Pair:
    """Raises ParityError where the model answers otherwise than the trained network.

    The layers are shown where they can be: they never stop a model. `kept`, `temperature` and
    `coverage` are params.yaml's; a net without a last linear layer gets no familiarity. A variant
    that fails its own gate is left out, with a warning.
    """
    net, images = trained.net, prepared.val.images
    shape = prepared.dataset.image_shape
    logits, features = last_layer.answers(net, last_layer.find(net, shape), images)
    chosen = temperatures.chosen(logits, prepared.val.labels, temperature)
    asked = Asked(kept, coverage, chosen)
    metadata = model_file.describe(
        prepared.dataset,
        net,
        name=name,
        hyperparameters=trained.hyperparameters,
        asked=trained.asked,
        params_sha256=trained.params_sha256,
    )
    net = last_layer.tempered(net, shape, chosen.value)
    made = model_file.make(
        net, metadata, train=prepared.train, validation=prepared.val, golden=golden, asked=asked
    )
    model = made.content
    if made.without:
        sys.stderr.write(f"warning: the model has no output familiarity: {made.without}\n")
    scaled = (logits / chosen.value).astype(np.float32)
    gate = parity.Gate(
        images,
        model_file.probabilities_of(scaled),
        tolerance,
        reference(made.head, scaled, features) if made.head and features is not None else None,
    )
    found = gate.check(model, name="model.onnx")
    write = partial(
        activations_bytes, net, metadata.image_shape, model_sha256=sha256_of_bytes(model)
    )
    try:
        activations = write()
        of_activations = gate.check(activations, name="model.activations.onnx")
    except Exception as error:  # noqa: BLE001 - a net of any kind: its model is exported all the same
        why = str(error).partition("\n")[0]
        sys.stderr.write(
            f"warning: the layers of this network cannot be shown ({why}): its page will show "
            "input and probabilities\n"
        )
        activations = write(ends_alone=True)
        of_activations = gate.check(activations, name="model.activations.onnx")
    beside = variants.make(
        asked_variants, model, metadata,
        train=prepared.train, validation=prepared.val, golden=golden, asked=asked,
    )  # fmt: skip
    for variant, why in beside.table.reasons().items():
        sys.stderr.write(f"warning: the model has no variant {variant}: {why}\n")
    return Pair(
        model, activations, len(images), found, of_activations,
        asked=asked, without=made.without, variants=beside,
    )  # fmt: skip
