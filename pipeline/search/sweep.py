"""Search the parameters: optuna draws, validation prunes, each trial is a child MLflow run.

The study lies in a database, so that a sweep goes on where it was stopped; workers of several
machines share it.
"""

import argparse
import json
import multiprocessing
import sys
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from contract.files import write_bytes
from pipeline import command, config
from pipeline.data import arrays
from pipeline.search import space
from pipeline.search import study as studies
from pipeline.search.study import VALUES, Place, SweepError
from pipeline.search.trial import Objective, describe
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from pipeline.tracking.lookup import TRAINING
from pipeline.tracking.names import ACCURACY, VALIDATION
from pipeline.tracking.run import TrackedRun
from pipeline.training import cluster, trainer


@dataclass(frozen=True)
class Sweep:
    root: Path
    place: Place
    space_file: Path
    trials: int


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="sweep", help="of the study; the same name goes on")
    parser.add_argument(
        "--storage", metavar="URL",
        help="of the study, for several machines: postgresql+psycopg://…; default: in .sweeps",
    )  # fmt: skip
    parser.add_argument("--space", type=Path, default=Path("sweep.yaml"))
    parser.add_argument("--trials", type=int, default=20, help="in all, pruned ones included")
    parser.add_argument("--workers", type=int, default=1, help="trials at a time")
    parser.add_argument("--apply", action="store_true", help="write the best into params.yaml")
    chosen = parser.parse_args(argv)
    root = provenance.repository_root()
    place = Place(chosen.storage or studies.local(root), chosen.name)
    sweep = Sweep(root, place, chosen.space, chosen.trials)
    if chosen.apply:
        apply(best(place.open()), sweep.root / command.PARAMS)
        sys.stdout.write(
            f"{command.PARAMS} has the best of {chosen.name!r}: `git diff`, `dvc repro`\n"
        )
        return
    run(sweep, workers=chosen.workers)
    sys.stdout.write(summary(place.open()))


def run(sweep: Sweep, *, workers: int) -> None:
    """Fill the study up to its trials, so many at a time.

    Raises SweepError, ConfigError, DeviceError, all before any work.
    """
    if sweep.trials < 1 or workers < 1:
        raise SweepError(f"{sweep.trials} trials, {workers} workers: at least 1 of each is needed")
    base = config.load(command.PARAMS)
    if base.train.num_nodes > 1 or not cluster.starts_processes():
        raise SweepError(
            f"train.num_nodes is {base.train.num_nodes}: a trial trains on the devices of one "
            "machine, and starts its own processes; set it to 1, and run `convnet sweep` on each "
            "machine, without torchrun or srun"
        )
    chosen = space.load(sweep.space_file, base)
    trainer.check_device(base.train)
    dataset = arrays.load_dataset(Path("data/prepared"))
    study = sweep.place.open()
    studies.claim(study, studies.made_of(base, chosen, dataset.sha256_of_all))
    store = tracking.open_store(sweep.root)
    store.end_dead_runs()
    with studies.alone(sweep.root):  # the tasks of a job array begin at once
        if TRAINING not in study.user_attrs:
            study.set_user_attr(TRAINING, _parent(store, study.study_name, dataset.name, chosen))
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=work, args=(sweep,)) for _ in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if failed := [process.exitcode for process in processes if process.exitcode]:
        raise SweepError(f"{len(failed)} of {workers} workers failed: their own error is above")
    if parent := store.of_training(study.user_attrs[TRAINING]):
        record(study, parent)


def _parent(store: tracking.Store, name: str, dataset: str, space_: space.Space) -> str:
    """Open the run that the trials are children of; returns its training id."""
    experiment = tracking.experiment_of(dataset)
    searched = ", ".join(key.partition(".")[2] for key in space_)
    made = store.create(experiment, f"{name}: {searched}", {"sweep": name}, command.PARAMS)
    made.set_status("FINISHED")
    made.add_children()
    return made.training


def work(sweep: Sweep) -> None:
    """One worker: trials until the study is full; an error of the user's is one line."""
    command.run(lambda: _fill(sweep))


def _fill(sweep: Sweep) -> None:
    command.die_with_parent()
    study = sweep.place.open()
    base = config.load(command.PARAMS)
    objective = Objective(
        place=sweep.place,
        base=base,
        space=space.load(sweep.space_file, base),
        data=arrays.load(Path("data/prepared")),
        store=tracking.open_store(sweep.root),
        parent=study.user_attrs[TRAINING],
    )
    studies.fill(study, objective, trials=sweep.trials)


def best(study: optuna.Study) -> FrozenTrial:
    done = study.get_trials(states=(TrialState.COMPLETE,))
    if not done:
        raise SweepError(f"no trial of {study.study_name!r} is complete: `make sweep` first")
    return max(done, key=lambda trial: (trial.value or 0.0, -trial.number))


def summary(study: optuna.Study) -> str:
    """The best trial, and the two ways to use it."""
    winner = best(study)
    settings = " ".join(f"-S '{key}={value}'" for key, value in winner.user_attrs[VALUES].items())
    return (
        f"{study.study_name}: {_counts(study)}\n"
        f"best: trial {winner.number}, validation accuracy {winner.value:.4%}\n"
        f"as an experiment: dvc exp run {settings}\n"
        f"into params.yaml: make sweep APPLY=1 NAME={study.study_name}\n"
    )


def _counts(study: optuna.Study) -> str:
    states = [trial.state for trial in study.trials]
    return ", ".join(f"{states.count(s)} {s.name.lower()}" for s in TrialState if s in states)


def record(study: optuna.Study, parent: TrackedRun) -> None:
    """Let the parent run tell the outcome."""
    winner = best(study)
    values = winner.user_attrs[VALUES]
    parent.add_tags(
        {
            "sweep.best_trial": str(winner.number),
            "sweep.best_run": winner.user_attrs[TRAINING],
            **{f"sweep.best.{key}": str(value) for key, value in values.items()},
        }
    )
    parent.add_metrics({ACCURACY[VALIDATION]: winner.value or 0.0}, step=len(study.trials))
    parent.add_note(f"{_counts(study)}. Best: trial {describe(winner.number, values)}.")
    parent.add_children()


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
    command.run(main)
