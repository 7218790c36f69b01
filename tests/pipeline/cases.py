"""Small prepared sets, networks and exported models for the tests of export and evaluation."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import nn

from contract import files
from contract.arrays import Images, Probabilities
from pipeline.config import load
from pipeline.data import arrays
from pipeline.data.arrays import Prepared, Split
from pipeline.data.assemble import describe
from pipeline.data.decode import Official
from pipeline.data.raw import Source
from pipeline.export import last_layer, model_file
from pipeline.training import checkpoint
from pipeline.training.classifier import ImageClassifier
from pipeline.training.recipe import Recipe

PARAMS = Path(__file__).parents[2] / "params.yaml"


def prepared_set(
    *, classes: int = 3, channels: int = 1, size: int = 12, images: int = 40, name: str = "stripes"
) -> Prepared:
    """Noisy pictures with a bright bar each, whose place tells the class; the same every time."""
    generator = np.random.default_rng(classes * 100 + channels)

    def split(count: int) -> Split:
        labels = np.arange(count) % classes
        shape = (count, channels, size, size)
        pixels = generator.integers(0, 80, shape, dtype=np.uint8)
        for image, label in zip(pixels, labels, strict=True):
            image[:, label * size // classes, :] = 250
        return Split(pixels, labels.astype(np.int64))

    splits = (split(images * 2), split(images), split(images))
    names = tuple(f"{number}" for number in range(classes))
    official = Official(name, names, splits[0], splits[2])
    source = Source(name=name, requested=name, source="published", files={"bars.gz": "0" * 64})
    return describe(official, source, name, splits)


@dataclass(frozen=True)
class Workspace:
    """Folders as the stages see them, below one root."""

    root: Path

    @property
    def prepared(self) -> Path:
        return self.root / "data/prepared"

    @property
    def checkpoint(self) -> Path:
        return self.root / "models/model.ckpt"

    @property
    def onnx(self) -> Path:
        return self.root / "models/model.onnx"

    @property
    def activations(self) -> Path:
        return self.root / "models/model.activations.onnx"

    @property
    def variants(self) -> Path:
        return self.root / "models/variants"

    def export_arguments(self) -> list[str]:
        return [
            *("--checkpoint", str(self.checkpoint)),
            *("--prepared", str(self.prepared)),
            *("--onnx", str(self.onnx)),
            *("--activations", str(self.activations)),
            *("--variants", str(self.variants)),
            *("--metrics", str(self.root / "metrics/export.json")),
        ]

    def evaluate_arguments(self) -> list[str]:
        return [
            *("--onnx", str(self.onnx)),
            *("--activations", str(self.activations)),
            *("--variants", str(self.variants)),
            *("--prepared", str(self.prepared)),
            *("--prepare-plots", str(self.root / "plots/prepare")),
            *("--train-plots", str(self.root / "plots/train")),
            *("--card", str(self.root / "models/model.card.json")),
            *("--predictions", str(self.root / "models/model.predictions.npz")),
            *("--metrics", str(self.root / "metrics/evaluate.json")),
            *("--plots", str(self.root / "plots/evaluate")),
            *("--report", str(self.root / "reports/index.html")),
        ]


def trained(root: Path, prepared: Prepared, module: ImageClassifier | None = None) -> Workspace:
    """A workspace after training: params.yaml, the data, a checkpoint, curves and replay."""
    workspace = Workspace(root)
    root.mkdir(parents=True, exist_ok=True)
    few = PARAMS.read_text().replace("foreign: 1000", "foreign: 20")  # drawn anew by each run
    (root / "params.yaml").write_text(few)
    arrays.save(workspace.prepared, prepared)
    dataset = prepared.dataset
    origin = checkpoint.Origin("1" * 64, dataset.sha256_of_all)
    checkpoint.write(workspace.checkpoint, module or classifier(prepared), origin)
    files.write_bytes(root / "plots/train/curves.csv", CURVES.encode())
    classes = len(dataset.classes)
    even = [[1 / classes] * classes] * 2
    files.write_json(
        root / "plots/train/replay.json",
        {"images": [0, 1], "labels": [0, 1], "epochs": [0, 1, 2], "probabilities": [even] * 3},
    )
    return workspace


CURVES = """epoch,train_loss,val_loss,val_accuracy,learning_rate
1,0.9,0.8,0.5,0.01
2,0.5,0.6,0.7,0.001
"""


def classifier(prepared: Prepared, **model: object) -> ImageClassifier:
    """A LeNet with seeded weights, and batch norm statistics as after some training."""
    params = load(PARAMS)
    changed = msgspec.structs.replace(params.model, **{"canvas": 16, "kernel": 3, **model})
    module = Recipe(changed, params.train, prepared).classifier()
    _warm_up(module.net, prepared)
    return module


def _warm_up(net: nn.Module, prepared: Prepared) -> None:
    """Give batch norm statistics and scales that folding cannot ignore."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if "log_scale" in name or name.endswith("bias"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        net.train()
        net(torch.from_numpy(prepared.train.images))
        net.eval()


def torch_probabilities(net: nn.Module, images: Images) -> Probabilities:
    """What the network itself answers: the side that onnxruntime is compared with."""
    return model_file.probabilities_of(last_layer.answers(net, None, images)[0])


def taught(net: nn.Module, prepared: Prepared, *, steps: int = 30) -> nn.Module:
    """The net after so many steps on the whole training split: it knows its classes."""
    torch.manual_seed(0)
    images = torch.from_numpy(prepared.train.images)
    labels = torch.from_numpy(prepared.train.labels)
    optimizer = torch.optim.Adam(net.parameters(), 0.003)
    net.train()
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return net.eval()
