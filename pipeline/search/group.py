"""A trial on several devices: a group of processes of its own, started anew for each.

This module is the first of them; Lightning starts the others by the same command. They know the
trial by its number, and take from the study what it trains with.
"""

import argparse
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import msgspec
import optuna

from pipeline import command, config
from pipeline.data import arrays
from pipeline.search import study as studies
from pipeline.search.pruning import Pruning
from pipeline.search.study import DATA, RECIPE, Place, SweepError
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from pipeline.tracking.lookup import TRAINING
from pipeline.training import ranks
from pipeline.training import session as training
from pipeline.training.recipe import Recipe


def train(place: Place, number: int) -> None:
    """Train the trial of this number; raises SweepError where its processes fail."""
    given = ("--storage", place.storage, "--name", place.name, "--trial", str(number))
    done = subprocess.run([sys.executable, "-m", __name__, *given], check=False)  # noqa: S603 - own
    if done.returncode != 0:
        raise SweepError(
            f"the processes of trial {number} ended with {done.returncode}: their error is above"
        )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--trial", type=int, required=True)
    chosen = parser.parse_args(argv)
    command.die_with_parent()
    study = Place(chosen.storage, chosen.name).open()
    known = study.get_trials(deepcopy=False)[chosen.trial]
    data = arrays.load(Path("data/prepared"))
    studies.claim(study, {DATA: data.dataset.sha256_of_all})
    model, recipe = msgspec.convert(known.user_attrs[RECIPE], tuple[config.Model, config.Train])
    if not ranks.is_first():
        training.fit(Recipe(model, recipe, data), Pruning())
        return
    trial = optuna.Trial(study, known._trial_id)  # noqa: SLF001 - optuna has no other way to it
    run = tracking.open_store(provenance.repository_root()).of_training(known.user_attrs[TRAINING])
    with run.outbox.sending() if run else nullcontext():
        training.fit(Recipe(model, recipe, data), Pruning(trial, run))


if __name__ == "__main__":
    command.run(main)
