"""Whether a trial's training is worth its further epochs: asked after each of them."""

import math

import lightning
import optuna
from lightning.pytorch.callbacks import Callback

from pipeline.search.study import WATCHED
from pipeline.tracking.run import TrackedRun


class Pruning(Callback):
    """Reports each epoch, and stops all processes once optuna has seen enough.

    A loss that is no number is not reported, and stops them too. The first process alone has the
    trial, and the run.
    """

    def __init__(self, trial: optuna.Trial | None = None, run: TrackedRun | None = None) -> None:
        self.trial = trial
        self.run = run

    def on_train_epoch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002 - Lightning's signature
    ) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        stop = not all(map(math.isfinite, metrics.values()))
        epoch = trainer.current_epoch + 1
        if self.run and not stop:
            self.run.add_curves(metrics, epoch=epoch)
        if self.trial and not stop:
            self.trial.report(metrics[WATCHED], epoch)
            stop = epoch < (trainer.max_epochs or 0) and self.trial.should_prune()
        if trainer.strategy.reduce_boolean_decision(stop, all=False):
            trainer.should_stop = True
