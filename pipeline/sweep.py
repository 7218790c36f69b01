"""Search the parameters: optuna draws, validation prunes, each trial is a child MLflow run.

The study is a file, so that a sweep goes on where it was stopped; several workers share it.
"""

import argparse
import json
import multiprocessing
import sys
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from pipeline import config, space, stage
from pipeline.data import arrays
from pipeline.errors import PipelineError
from pipeline.files import write_bytes
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from pipeline.training import trainer
from pipeline.trial import Objective

FOLDER = ".sweeps"
COUNTED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
RUN_ID, VALUES = "run_id", "values"


class SweepError(PipelineError):
    """A sweep that cannot begin, or has nothing to show."""


@dataclass(frozen=True)
class Sweep:
    root: Path
    name: str
    space_file: Path
    trials: int

    def study(self, *, seed: int = 0) -> optuna.Study:
        folder = self.root / FOLDER
        folder.mkdir(exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(folder / f"{self.name}.log")))
        return optuna.create_study(
            storage=storage,
            study_name=self.name,
            direction="maximize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
        )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="sweep", help="of the study; the same name goes on")
    parser.add_argument("--space", type=Path, default=Path("sweep.yaml"))
    parser.add_argument("--trials", type=int, default=20, help="in all, pruned ones included")
    parser.add_argument("--workers", type=int, default=1, help="trials at a time")
    parser.add_argument("--apply", action="store_true", help="write the best into params.yaml")
    chosen = parser.parse_args(argv)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sweep = Sweep(provenance.repository_root(), chosen.name, chosen.space, chosen.trials)
    if chosen.apply:
        apply(best(sweep.study()), sweep.root / stage.PARAMS)
        sys.stdout.write(
            f"{stage.PARAMS} has the best of {sweep.name!r}: `git diff`, `dvc repro`\n"
        )
        return
    run(sweep, workers=chosen.workers)
    sys.stdout.write(summary(sweep.study()))


def run(sweep: Sweep, *, workers: int) -> None:
    """Fill the study up to its trials, so many at a time.

    Raises SweepError, ConfigError, DeviceError, all before any work.
    """
    if sweep.trials < 1 or workers < 1:
        raise SweepError(f"{sweep.trials} trials, {workers} workers: at least 1 of each is needed")
    base = config.load(stage.PARAMS)
    space.load(sweep.space_file, base)
    trainer.check_device(base.train)
    dataset = arrays.load_dataset(Path("data/prepared"))
    study = sweep.study()
    revive(study)
    store = tracking.open_store(sweep.root)
    store.settle_dead_runs()
    if RUN_ID not in study.user_attrs:
        experiment = tracking.experiment_of(dataset.name)
        made = store.create(experiment, f"sweep {sweep.name}", {"sweep": sweep.name}, stage.PARAMS)
        store.client.set_terminated(made.id, "FINISHED")
        study.set_user_attr(RUN_ID, made.id)
    spawn = multiprocessing.get_context("spawn")
    hands = [spawn.Process(target=work, args=(sweep, seed)) for seed in range(workers)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    if failed := [hand.exitcode for hand in hands if hand.exitcode]:
        raise SweepError(f"{len(failed)} of {workers} workers failed: their last words are above")
    record(study, tracking.TrackedRun(store, study.user_attrs[RUN_ID]))


def work(sweep: Sweep, seed: int) -> None:
    """One worker: trials until the study is full."""
    stage.die_with_parent()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = sweep.study(seed=seed)
    base = config.load(stage.PARAMS)
    objective = Objective(
        base=base,
        space=space.load(sweep.space_file, base),
        data=arrays.load(Path("data/prepared")),
        store=tracking.open_store(sweep.root),
        parent=study.user_attrs[RUN_ID],
    )
    while sum(trial.state in COUNTED for trial in study.trials) < sweep.trials:
        study.optimize(objective, n_trials=1)


def revive(study: optuna.Study) -> None:
    """Trials of workers that died fail, and are tried again."""
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if not provenance.is_alive(trial.user_attrs):
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)


def best(study: optuna.Study) -> FrozenTrial:
    done = study.get_trials(states=(TrialState.COMPLETE,))
    if not done:
        raise SweepError(f"no trial of {study.study_name!r} is complete: `make sweep` first")
    return max(done, key=lambda trial: (trial.value or 0.0, -trial.number))


def summary(study: optuna.Study) -> str:
    """The best trial, and the two ways to use it."""
    winner = best(study)
    states = [trial.state for trial in study.trials]
    settings = " ".join(f"-S '{key}={value}'" for key, value in winner.user_attrs[VALUES].items())
    counts = ", ".join(f"{states.count(s)} {s.name.lower()}" for s in TrialState if s in states)
    return (
        f"{study.study_name}: {counts}\n"
        f"best: trial {winner.number}, validation accuracy {winner.value:.4%}\n"
        f"as an experiment: dvc exp run {settings}\n"
        f"into params.yaml: make sweep APPLY=1 NAME={study.study_name}\n"
    )


def record(study: optuna.Study, parent: tracking.TrackedRun) -> None:
    """Let the parent run tell the outcome."""
    winner = best(study)
    parent.add_tags(
        {
            "sweep.best_run": winner.user_attrs[RUN_ID],
            **{f"sweep.best.{key}": str(v) for key, v in winner.user_attrs[VALUES].items()},
        }
    )
    parent.add_metrics({"val_accuracy": winner.value or 0.0}, step=len(study.trials))


def apply(winner: FrozenTrial, path: Path) -> None:
    """Change params.yaml line by line: comments and everything else stay."""
    lines = path.read_text().splitlines()
    for key, value in winner.user_attrs[VALUES].items():
        section, _, name = key.partition(".")
        start = lines.index(f"{section}:")
        at = next(n for n in range(start, len(lines)) if lines[n].startswith(f"  {name}:"))
        _, hash_sign, comment = lines[at].partition("#")
        text = value if isinstance(value, str) else json.dumps(value)
        column = len(lines[at]) - len(comment) - 1
        lines[at] = f"  {name}: {text}"
        if hash_sign:
            lines[at] = f"{lines[at]} ".ljust(column) + f"#{comment}"
    write_bytes(path, ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    stage.run(main)
