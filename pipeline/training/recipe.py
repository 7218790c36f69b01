"""What makes the weights what they are: two sections of the parameters, and the data."""

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import torch

from contract import files
from pipeline import config
from pipeline.data.arrays import Prepared
from pipeline.nets import weights, zoo
from pipeline.tracking.git import CODE
from pipeline.training import costs, made_with
from pipeline.training.checkpoint import Origin
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Recipe:
    """What makes the weights what they are: two sections of the parameters, and the data."""

    model: config.Model
    train: config.Train
    data: Prepared

    @property
    def origin(self) -> Origin:
        params = {
            "model": msgspec.to_builtins(self.model),
            "train": msgspec.to_builtins(self.train),
        }
        return Origin(files.sha256_of_json(params), self.data.dataset.sha256_of_all)

    @property
    def key(self) -> str:
        """Names what is resumed from: equal keys may go on from each other's checkpoints."""
        paths = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
        paths += ROOT.glob("constraints.txt")  # absent where the package is installed
        code = {str(path.relative_to(ROOT)): files.sha256_of_file(path) for path in paths}
        origin = (self.origin.params_sha256, self.origin.data_sha256)
        start = self.weights_sha256
        return files.sha256_of_json([*origin, code, made_with.parts(self.train), start])

    @property
    def weights_sha256(self) -> str | None:
        """Of the file that the net starts from; raises WeightsError where it is missing."""
        if self.model.weights is None:
            return None
        weights.read(Path(self.model.weights))
        return files.sha256_of_file(Path(self.model.weights))

    @property
    def tags(self) -> dict[str, str]:
        dataset = self.data.dataset
        return {
            "params.sha256": self.origin.params_sha256,
            "data.sha256": self.origin.data_sha256,
            "data.name": dataset.name,
            "data.source": dataset.source,
            "data.requested": dataset.requested,
            **({"weights.sha256": self.weights_sha256} if self.weights_sha256 else {}),
            **{f"made_with.{name}": what for name, what in made_with.parts(self.train).items()},
        }

    def classifier(self) -> ImageClassifier:
        dataset = self.data.dataset
        mean, std = zoo.normalisation(self.model, dataset.image_shape[0]) or (
            dataset.mean,
            dataset.std,
        )
        return ImageClassifier(
            model=msgspec.to_builtins(self.model),
            train=msgspec.to_builtins(self.train),
            image_shape=list(dataset.image_shape),
            classes=len(dataset.classes),
            mean=list(mean),
            std=list(std),
            starts=True,
        )

    def resolved(self) -> "Recipe":
        """Return the recipe with precision auto measured, and say what was found."""
        if self.train.precision != "auto":
            return self
        torch.set_num_threads(self.train.threads)
        device = made_with.torch_device(self.train)
        chosen, line = costs.faster_precision(self.classifier(), device)
        print(line, flush=True)  # noqa: T201
        return replace(self, train=msgspec.structs.replace(self.train, precision=chosen))

    def batches(self) -> ArraysDataModule:
        return ArraysDataModule(
            self.data.train,
            self.data.val,
            batch_size=self.train.batch_size,
            seed=self.train.seed,
            evened=self.train.balance == "sampling",
        )
