"""From a checkpoint to the model file and its twin, both past the gate."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from pipeline.data.arrays import Dataset, Prepared
from pipeline.export import model_file, parity
from pipeline.export.parity import Parity
from pipeline.export.twin_file import twin_bytes
from pipeline.files import atomic_write, sha256_of_bytes
from pipeline.training import checkpoint
from pipeline.training.classifier import ImageClassifier


@dataclass(frozen=True)
class Trained:
    net: nn.Module
    name: str  # of the net, as model.name
    params_sha256: str


@dataclass(frozen=True)
class Pair:
    model: bytes
    twin: bytes
    images: int  # that both were compared on
    found: tuple[Parity, ...]
    found_of_twin: tuple[Parity, ...]

    @property
    def metrics(self) -> dict[str, float | dict[str, float]]:
        """For metrics/export.json: few columns, because `dvc exp show` shows them all."""
        return {
            "activations_parity": max(parity.plain(self.found_of_twin).values()),
            "onnx_bytes": len(self.model),
            "onnx_parity": parity.plain(self.found),
        }

    def told(self) -> str:
        return f"{len(self.model):,} bytes; {parity.told(self.found, self.images)}"

    def write(self, onnx: Path, activations: Path) -> None:
        """Both, or none."""
        with atomic_write(onnx) as file, atomic_write(activations) as beside:
            file.write(self.model)
            beside.write(self.twin)


def load(path: Path, dataset: Dataset) -> Trained:
    """Raises ExportError for weights that learned from other data."""
    origin = checkpoint.read_origin(path)
    model_file.check_data(origin, dataset)
    classifier = ImageClassifier.load_from_checkpoint(path, map_location="cpu")
    name = classifier.hparams["model"]["name"]
    return Trained(classifier.net, name, origin.params_sha256)


def export(
    trained: Trained, prepared: Prepared, *, name: str | None, golden: int, tolerance: float
) -> Pair:
    """Raises ParityError where either file answers otherwise than the trained network."""
    net, images = trained.net, prepared.val.images
    metadata = model_file.describe(
        prepared.dataset,
        net,
        name=name,
        net_name=trained.name,
        params_sha256=trained.params_sha256,
    )
    model = model_file.model_bytes(net, metadata, prepared.val, golden=golden)
    twin = twin_bytes(net, metadata.image_shape, model_sha256=sha256_of_bytes(model))
    gate = parity.Gate(images, model_file.torch_probabilities(net, images), tolerance)
    return Pair(
        model=model,
        twin=twin,
        images=len(images),
        found=gate.check(model, name="model.onnx"),
        found_of_twin=gate.check(twin, name="model.activations.onnx"),
    )
