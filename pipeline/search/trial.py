"""One trial of a sweep: draw, train without leaving files, prune where validation is behind."""

from dataclasses import dataclass

import msgspec
import optuna

from pipeline import command, config
from pipeline.config import Params
from pipeline.data.arrays import Prepared
from pipeline.search import group, space
from pipeline.search import study as studies
from pipeline.search.pruning import Pruning
from pipeline.search.space import Space
from pipeline.search.study import RECIPE, VALUES, Place
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from pipeline.tracking.ending import ended_with
from pipeline.tracking.lookup import PARENT, TRAINING
from pipeline.tracking.names import ACCURACY, VALIDATION
from pipeline.tracking.run import TrackedRun
from pipeline.training import session as training
from pipeline.training.recipe import Recipe

SHOWN = 3  # values in a run's name


@dataclass(frozen=True)
class Objective:
    place: Place
    base: Params
    space: Space
    data: Prepared
    store: tracking.Store
    parent: str  # training id of the sweep's own run

    def __call__(self, trial: optuna.Trial) -> float:
        """Validation accuracy at the end; raises TrialPruned, DuplicateError, PipelineError.

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
        trial.set_user_attr(RECIPE, msgspec.to_builtins((recipe.model, recipe.train)))
        run = self._run(trial, values)
        with ended_with(run):
            run.add_tags({**recipe.tags, **provenance.process_tags()})
            run.add_params(config.flatten(params, "model", "train"))
            run.add_data(self.data.dataset)
            run.add_note(f"Trial {describe(trial.number, values)}.")
            if recipe.train.devices > 1:
                group.train(self.place, trial.number)
            else:
                training.fit(recipe, Pruning(trial, run))
            accuracy = studies.outcome(trial, epochs=recipe.train.epochs)
            if accuracy is not None:
                run.add_metrics({ACCURACY[VALIDATION]: accuracy})
            run.add_tags({"sweep.pruned": str(accuracy is None).lower()})
        said = "pruned" if accuracy is None else f"validation accuracy {accuracy:.4%}"
        print(f"trial {trial.number}: {said}", flush=True)  # noqa: T201 - progress
        if accuracy is None:
            raise optuna.TrialPruned
        return accuracy

    def _run(self, trial: optuna.Trial, values: dict[str, object]) -> TrackedRun:
        tags = {PARENT: self.parent, "sweep.trial": str(trial.number)}
        experiment = tracking.experiment_of(self.data.dataset.name)
        run = self.store.create(experiment, describe(trial.number, values), tags, command.PARAMS)
        trial.set_user_attr(TRAINING, run.training)
        return run


def describe(number: int, values: dict[str, object]) -> str:
    """A run's name, what tells it from other trials first: `3: learning_rate 0.0105, …`."""
    shown = [f"{key.partition('.')[2]} {value}" for key, value in list(values.items())[:SHOWN]]
    return f"{number}: {', '.join(shown)}"
