"""One trial of a sweep: draw, train without leaving files, prune where validation is behind."""

import math
from dataclasses import dataclass

import lightning
import optuna
from lightning.pytorch.callbacks import Callback

from pipeline import command, config
from pipeline.config import Params
from pipeline.data.arrays import Prepared
from pipeline.search import space
from pipeline.search import study as studies
from pipeline.search.space import Space
from pipeline.search.study import RUN_ID, VALUES
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from pipeline.tracking.ending import ended_with
from pipeline.tracking.lookup import TRAINING
from pipeline.tracking.run import TrackedRun
from pipeline.training import session as training
from pipeline.training.recipe import Recipe

WATCHED = "val_accuracy"  # losses of different kinds do not compare


@dataclass(frozen=True)
class Objective:
    base: Params
    space: Space
    data: Prepared
    store: tracking.Store
    parent: str  # MLflow run

    def __call__(self, trial: optuna.Trial) -> float:
        """Validation accuracy at the end; raises TrialPruned, DuplicateError, ConfigError.

        A trial of a dead machine comes with its values and its run, which then ends as KILLED.
        """
        before = trial.user_attrs.get(TRAINING)
        if before and (lost := self.store.of_training(before)):
            lost.set_status("KILLED")
        seed = studies.seed(trial.study.study_name, trial.number)
        trial.study.sampler = optuna.samplers.TPESampler(seed=seed)
        values = {key: one.draw(trial, key) for key, one in self.space.items()}
        studies.refuse_duplicate(trial, values)
        trial.set_user_attr(VALUES, values)
        params = space.changed(self.base, values, source=f"trial {trial.number}")
        recipe = Recipe(params.model, params.train, self.data).resolved()
        tags = {"mlflow.parentRunId": self.parent, "sweep.trial": str(trial.number)}
        experiment = tracking.experiment_of(self.data.dataset.name)
        run = self.store.create(experiment, f"trial {trial.number}", tags, command.PARAMS)
        trial.set_user_attr(TRAINING, run.training)
        trial.set_user_attr(RUN_ID, run.id)
        with ended_with(run):
            run.add_tags({**recipe.tags, **provenance.process_tags()})
            run.add_params(config.flatten(params, "model", "train"))
            accuracy, is_pruned = fit(recipe, run, trial)
            run.add_tags({"sweep.pruned": str(is_pruned).lower()})
        if is_pruned:
            raise optuna.TrialPruned
        return accuracy


class Pruning(Callback):
    """Reports each epoch, and stops the training once optuna has seen enough."""

    def __init__(self, trial: optuna.Trial, run: TrackedRun) -> None:
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


def fit(recipe: Recipe, run: TrackedRun, trial: optuna.Trial) -> tuple[float, bool]:
    """(validation accuracy, pruned); a loss that is no number is pruned too."""
    pruning = Pruning(trial, run)
    accuracy = training.results(training.fit_untracked(recipe, pruning))[WATCHED]
    outcome = "pruned" if pruning.stopped else f"validation accuracy {accuracy:.4%}"
    print(f"trial {trial.number}: {outcome}", flush=True)  # noqa: T201 - progress
    return accuracy, pruning.stopped
