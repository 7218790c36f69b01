"""One tracked training from prepared arrays to a fitted net, from where an earlier one stopped."""

import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from contract import files
from pipeline import config
from pipeline.errors import PipelineError
from pipeline.tracking import provenance, trainings
from pipeline.tracking import store as tracking
from pipeline.tracking.ending import ended_with
from pipeline.tracking.run import TrackedRun
from pipeline.training import costs, ranks, trainer
from pipeline.training.classifier import ImageClassifier
from pipeline.training.recipe import Recipe
from pipeline.training.resume import ResumePoint, resume_point
from pipeline.training.stopping import Stopping

SHOWN = 2  # parameters in a run's name


class TrainingError(PipelineError, RuntimeError):
    """The training cannot go on."""


@dataclass(frozen=True)
class Tracked:
    """A training under way; the first process alone has the way back, and the run."""

    stopping: Stopping
    way: ResumePoint | None = None
    run: TrackedRun | None = None

    @property
    def callbacks(self) -> list[Callback]:
        return [Epochs(self.run), self.stopping, _keep(self.way)]

    def made(self, checkpoint: Path) -> None:
        """Tie the run to the file, and to the results of equal bytes, if there are any."""
        if self.run:
            sha256 = files.sha256_of_file(checkpoint)
            self.run.add_tags({"checkpoint.sha256": sha256})
            trainings.remember(provenance.repository_root(), sha256, self.run.training)
            self.run.adopt_equal(sha256)


class Epochs(Callback):
    """After each epoch: the curves to the tracked run, and a stop where the loss is no number."""

    def __init__(self, run: TrackedRun | None) -> None:
        self.run = run

    def on_train_start(
        self,
        trainer: Trainer,  # noqa: ARG002 - Lightning's signature
        pl_module: LightningModule,
    ) -> None:
        """A training that goes on in another run brings its past along."""
        if self.run is None or not self.run.is_new:
            return
        for row in past(pl_module):
            self.run.add_curves(row, epoch=int(row["epoch"]))

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
            self.run.add_curves(metrics, epoch=epoch)
        if trainer.is_global_zero and trainer.progress_bar_callback is None:
            values = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            print(f"epoch {epoch}/{trainer.max_epochs}: {values}", flush=True)  # noqa: T201


def past(module: LightningModule) -> list[dict[str, float]]:
    """What the epochs so far measured, also those before an interruption."""
    return module.history.curves if isinstance(module, ImageClassifier) else []


def fit(recipe: Recipe, *callbacks: Callback, under_way: Tracked | None = None) -> ImageClassifier:
    """Train: the stage, from the last checkpoint of an interrupted training if there is one.

    Without `under_way`, as for trials of a sweep and rows of a benchmark, nothing is left behind.
    Raises TrainingError where the loss is not a number, CostError where a step cannot fit,
    LostProcessError where another process has gone, KeyboardInterrupt and SystemExit where a
    signal came.
    """
    way = under_way.way if under_way else None
    last = way.last_checkpoint() if way else None
    if last:
        print(f"goes on after {last.stem}; TRAIN_RESUME=0 starts over", flush=True)  # noqa: T201
    module = recipe.classifier()
    built = trainer.build(
        recipe.train,
        root=way.folder if way else Path(),
        callbacks=[*callbacks, *(under_way.callbacks if under_way else ())],
        progress=under_way is not None and sys.stderr.isatty(),
    )
    if under_way:
        estimate = costs.check(module, built, images=len(recipe.data.train.labels))
        if built.global_rank == 0:
            print(estimate, flush=True)  # noqa: T201
    with ranks.complete(built), ranks.agreed(built, last) as checkpoint:
        built.fit(module, recipe.batches(), ckpt_path=checkpoint, weights_only=True)
    if built.interrupted:
        raise KeyboardInterrupt
    return module


def _keep(way: ResumePoint | None) -> ModelCheckpoint:
    """Keep the last epoch; the first process tells the others where."""
    folder = way.checkpoints if way else None
    return ModelCheckpoint(
        dirpath=folder, filename="{epoch}", save_top_k=1, enable_version_counter=False
    )


@contextmanager
def tracked(
    recipe: Recipe,
    params: Mapping[str, config.Scalar],
    params_file: Path,
    *,
    resume: bool,
) -> Iterator[Tracked]:
    """Open the resume point and the run that belongs to it, and end both with the block.

    Of several processes that train together, the first does so for all.
    """
    stopping = Stopping()
    with stopping.listening():
        if ranks.is_first():
            with _opened(recipe, params, params_file, resume=resume) as (way, run):
                yield Tracked(stopping, way, run)
        else:
            yield Tracked(stopping)


@contextmanager
def _opened(
    recipe: Recipe,
    params: Mapping[str, config.Scalar],
    params_file: Path,
    *,
    resume: bool,
) -> Iterator[tuple[ResumePoint, TrackedRun]]:
    root = provenance.repository_root()
    store = tracking.open_store(root)
    store.end_dead_runs()
    with resume_point(root, recipe.key, resume=resume) as way:
        run = store.reopen(way.training) if way.training else None
        if run is None:
            experiment = tracking.experiment_of(recipe.data.dataset.name)
            run = store.create(experiment, name(recipe, params), {}, params_file)
        way.remember(run.training)
        with ended_with(run):
            run.add_tags({**recipe.tags, **provenance.process_tags()})
            run.add_params(params)
            run.add_data(recipe.data.dataset)
            run.add_note(f"Training of {describe(recipe)} on {recipe.data.dataset.name}.")
            yield way, run
        way.forget()


def name(recipe: Recipe, params: Mapping[str, config.Scalar]) -> str:
    """A run's name, what tells it from its neighbours first, because lists cut it.

    The experiment's name where it has one, what changed since the recorded training, the rest.
    """
    experiment = os.environ.get("DVC_EXP_NAME")
    changed = provenance.changed_since_recorded(params)[:SHOWN]
    told = "; ".join([*([", ".join(changed)] if changed else []), describe(recipe)])
    return f"{experiment}: {told}" if experiment else told


def describe(recipe: Recipe) -> str:
    train = recipe.train
    words = [recipe.model.name, f"{train.optimizer} {train.learning_rate:g}"]
    return ", ".join([*words, f"{train.epochs} epochs", f"seed {train.seed}"])


def results(module: ImageClassifier) -> dict[str, float]:
    """What the last epoch measured, for metrics/train.json: what models are chosen by."""
    last = module.history.curves[-1]
    return {name: last[name] for name in ("val_accuracy", "val_loss")}
