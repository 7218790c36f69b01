"""One tracked training from prepared arrays to a fitted net, from where an earlier one stopped."""

import logging
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lightning
import msgspec
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from pipeline import config, files
from pipeline.data.arrays import Prepared
from pipeline.errors import PipelineError
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from pipeline.tracking.settling import settled
from pipeline.training import trainer
from pipeline.training.checkpoint import Origin
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule
from pipeline.training.resume import WayBack, folder_of, way_back

CODE = Path(__file__).parents[1]
WAY_BACK = (
    "TRAIN_WAY_BACK"  # tells the processes that Lightning starts where the first one keeps it
)


class TrainingError(PipelineError, RuntimeError):
    """The training cannot go on."""


@dataclass(frozen=True)
class Tracked:
    """A training under way: where it may go on from, and the run, which the first process has."""

    way: WayBack
    run: tracking.TrackedRun | None


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
        """Names a way back: equal keys may go on from each other's checkpoints."""
        code = {str(p.relative_to(CODE)): files.sha256_of_file(p) for p in CODE.rglob("*.py")}
        versions = {"torch": torch.__version__, "lightning": lightning.__version__}
        origin = (self.origin.params_sha256, self.origin.data_sha256)
        return files.sha256_of_json([*origin, code, versions])

    @property
    def tags(self) -> dict[str, str]:
        dataset = self.data.dataset
        return {
            "params.sha256": self.origin.params_sha256,
            "data.sha256": self.origin.data_sha256,
            "data.name": dataset.name,
            "data.source": dataset.source,
            "data.requested": dataset.requested,
        }

    def classifier(self) -> ImageClassifier:
        dataset = self.data.dataset
        return ImageClassifier(
            model=msgspec.to_builtins(self.model),
            train=msgspec.to_builtins(self.train),
            image_shape=list(dataset.image_shape),
            classes=len(dataset.classes),
            mean=list(dataset.mean),
            std=list(dataset.std),
        )

    def batches(self) -> ArraysDataModule:
        return ArraysDataModule(
            self.data.train,
            self.data.val,
            batch_size=self.train.batch_size,
            seed=self.train.seed,
        )


class Epochs(Callback):
    """After each epoch: the curves to the tracked run, and a stop where the loss is no number."""

    def __init__(self, run: tracking.TrackedRun | None) -> None:
        self.run = run

    def on_train_start(
        self,
        trainer: Trainer,  # noqa: ARG002 - Lightning's signature
        pl_module: LightningModule,
    ) -> None:
        """A training that goes on in another run brings its past along."""
        if self.run is None or "train_loss" in self.run.record.data.metrics:
            return
        for row in past(pl_module):
            self.run.add_metrics(row, step=int(row["epoch"]))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        epoch = trainer.current_epoch + 1
        if not all(map(math.isfinite, metrics.values())):
            rate = pl_module.hparams["train"]["learning_rate"]
            raise TrainingError(
                f"the loss is not a number after epoch {epoch}: train.learning_rate is {rate!r}, "
                "try a tenth of it"
            )
        if self.run:
            self.run.add_metrics(metrics, step=epoch)
        if trainer.is_global_zero and trainer.progress_bar_callback is None:
            told = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            print(f"epoch {epoch}/{trainer.max_epochs}: {told}", flush=True)  # noqa: T201


def past(module: LightningModule) -> list[dict[str, float]]:
    """What the epochs so far measured, also those before an interruption."""
    return module.history.curves if isinstance(module, ImageClassifier) else []


def fit(recipe: Recipe, under_way: Tracked) -> ImageClassifier:
    """Train, from the last checkpoint of an interrupted training if there is one.

    Raises TrainingError where the loss is not a number, KeyboardInterrupt where a signal came.
    """
    way = under_way.way
    keep = ModelCheckpoint(
        dirpath=way.checkpoints, filename="{epoch}", save_top_k=1, enable_version_counter=False
    )
    last = way.last_checkpoint()
    if last and under_way.run:
        print(f"goes on after {last.stem}; TRAIN_RESUME=0 starts over", flush=True)  # noqa: T201
    module = recipe.classifier()
    callbacks = [Epochs(under_way.run), keep]
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    built = trainer.build(
        recipe.train, root=way.folder, callbacks=callbacks, progress=sys.stderr.isatty()
    )
    built.fit(module, recipe.batches(), ckpt_path=last, weights_only=True)
    if built.interrupted:
        raise KeyboardInterrupt
    return module


@contextmanager
def tracked(
    recipe: Recipe,
    params: Mapping[str, tracking.Scalar],
    params_file: Path,
    *,
    resume: bool,
) -> Iterator[Tracked]:
    """Open the way back and the run that belongs to it, and settle both with the block.

    Of several processes that train together, the first does so for all.
    """
    root = provenance.repository_root()
    if rank_zero_only.rank > 0:  # type: ignore[attr-defined]  # Lightning sets it on the function
        folder = os.environ.get(WAY_BACK) or folder_of(root, recipe.key)
        yield Tracked(WayBack(Path(folder)), None)
        return
    store = tracking.open_store(root)
    store.settle_dead_runs()
    with way_back(root, recipe.key, resume=resume) as way:
        os.environ[WAY_BACK] = str(way.folder)
        run = store.reopen(way.run_id) if way.run_id else None
        if run is None:
            experiment = tracking.experiment_of(recipe.data.dataset.name)
            run = store.create(experiment, describe(recipe), {}, params_file)
        way.remember_run(run.id)
        with settled(run):
            run.add_tags({**recipe.tags, **provenance.process_tags()})
            run.add_params(params)
            run.add_dataset(recipe.data.dataset)
            yield Tracked(way, run)
        way.forget()


def describe(recipe: Recipe) -> str:
    """A run's name: the experiment's where it has one, else what tells it from its neighbours."""
    train = recipe.train
    words = [recipe.model.name, f"{train.optimizer} {train.learning_rate:g}"]
    words += [f"{train.epochs} epochs", f"seed {train.seed}"]
    return os.environ.get("DVC_EXP_NAME") or ", ".join(words)


def results(module: ImageClassifier) -> dict[str, float]:
    """What the last epoch measured, for metrics/train.json: what models are chosen by."""
    last = module.history.curves[-1]
    return {name: last[name] for name in ("val_accuracy", "val_loss")}
