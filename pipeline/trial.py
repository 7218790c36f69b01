"""One trial of a sweep: draw, train without leaving files, prune where validation is behind."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import lightning
import optuna
from lightning.pytorch.callbacks import Callback

from pipeline import config, space, stage
from pipeline.config import Params
from pipeline.data.arrays import Prepared
from pipeline.space import Space
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from pipeline.tracking.settling import settled
from pipeline.training import session as training
from pipeline.training import trainer

WATCHED = "val_accuracy"  # losses of different kinds do not compare


@dataclass(frozen=True)
class Objective:
    base: Params
    space: Space
    data: Prepared
    store: tracking.Store
    parent: str  # MLflow run

    def __call__(self, trial: optuna.Trial) -> float:
        """Validation accuracy after the last epoch; raises TrialPruned, ConfigError."""
        for key, value in provenance.process_tags().items():
            trial.set_user_attr(key, value)
        values = {key: one.draw(trial, key) for key, one in self.space.items()}
        trial.set_user_attr("values", values)
        params = space.changed(self.base, values, source=f"trial {trial.number}")
        recipe = training.Recipe(params.model, params.train, self.data)
        tags = {"mlflow.parentRunId": self.parent, "sweep.trial": str(trial.number)}
        experiment = tracking.experiment_of(self.data.dataset.name)
        run = self.store.create(experiment, f"trial {trial.number}", tags, stage.PARAMS)
        trial.set_user_attr("run_id", run.id)
        with settled(run):
            run.add_tags({**recipe.tags, **provenance.process_tags()})
            run.add_params(config.flatten(params, "model", "train"))
            accuracy, is_pruned = fit(recipe, run, trial)
            run.add_tags({"sweep.pruned": str(is_pruned).lower()})
        if is_pruned:
            raise optuna.TrialPruned
        return accuracy


class Pruning(Callback):
    """Reports each epoch, and stops the training once optuna has seen enough."""

    def __init__(self, trial: optuna.Trial, run: tracking.TrackedRun) -> None:
        self.trial = trial
        self.run = run
        self.stopped = False

    def on_train_epoch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002 - Lightning's signature
    ) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if not all(map(math.isfinite, metrics.values())):
            self.stopped = trainer.should_stop = True
            return
        epoch = trainer.current_epoch + 1
        self.run.add_metrics(metrics, step=epoch)
        self.trial.report(metrics[WATCHED], epoch)
        if epoch < (trainer.max_epochs or 0) and self.trial.should_prune():
            self.stopped = trainer.should_stop = True


def fit(
    recipe: training.Recipe, run: tracking.TrackedRun, trial: optuna.Trial
) -> tuple[float, bool]:
    """(validation accuracy, pruned); a loss that is no number is pruned too."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    pruning = Pruning(trial, run)
    built = trainer.build(recipe.train, root=Path(), callbacks=[pruning], progress=False)
    module = recipe.classifier()
    built.fit(module, recipe.batches())
    if built.interrupted:
        raise KeyboardInterrupt
    accuracy = training.results(module)[WATCHED]
    told = "pruned" if pruning.stopped else f"validation accuracy {accuracy:.4%}"
    print(f"trial {trial.number}: {told}", flush=True)  # noqa: T201 - progress
    return accuracy, pruning.stopped
