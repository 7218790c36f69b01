"""A study: what it is made of, where it lies, whose turn it is; many machines may share one."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from contract import files
from pipeline import config
from pipeline.errors import PipelineError
from pipeline.search.space import Space

FOLDER = ".sweeps"
MADE_OF, RECIPE, VALUES, DUPLICATE_OF = "made_of", "recipe", "values", "duplicate_of"
DATA = "the data"  # in MADE_OF
WATCHED = "val_accuracy"  # losses of different kinds do not compare
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
HEARTBEAT_S = 10
MISSED = 6  # heartbeats after which a trial's machine is dead
TRIES = 50  # draws in a row that were all there before: the space has no more
SQLITE = {"connect_args": {"timeout": 60}}  # seconds to wait for another worker's writing
SERVER = {"poolclass": NullPool}  # a server may close what lies idle for a training's time
OTHERS_S = 2.0  # between two looks at trials of other workers


class SweepError(PipelineError):
    """A sweep that cannot begin, or has nothing to show."""


class DuplicateError(Exception):
    """The drawn values are those of another trial."""


@dataclass(frozen=True)
class Place:
    """Where a study lies, and under which name."""

    storage: str  # an address of SQLAlchemy's
    name: str
    heartbeat_s: int = HEARTBEAT_S

    def open(self) -> optuna.Study:
        """Return the study, made on first use; raises SweepError where the storage fails."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore", category=ExperimentalWarning)  # heartbeats
        try:
            return optuna.create_study(
                storage=RDBStorage(
                    self.storage,
                    engine_kwargs=SQLITE if self.storage.startswith("sqlite:") else SERVER,
                    heartbeat_interval=self.heartbeat_s,
                    grace_period=MISSED * self.heartbeat_s,
                    heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
                ),
                study_name=self.name,
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
            )
        except (SQLAlchemyError, ImportError, optuna.exceptions.StorageInternalError) as error:
            raise SweepError(
                f"the storage {self.storage!r} cannot be used: {str(error).splitlines()[0]}; "
                "give sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
            ) from error


def alone(root: Path) -> FileLock:
    """Return the lock under which one process of this checkout begins a sweep."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    return FileLock(folder / ".lock")


def local(root: Path) -> str:
    """Return the address of the checkout's own studies."""
    address = f"sqlite:///{(root / FOLDER).resolve()}/studies.db"
    with alone(root):  # two first uses at once would both make the tables
        RDBStorage(address)
    return address


def made_of(base: config.Params, space: Space, data_sha256: str) -> dict[str, str]:
    """Return hashes of what trials of one study have in common."""
    fixed = config.flatten(base, "model", "train")
    return {
        DATA: data_sha256,
        "params.yaml": files.sha256_of_json({k: v for k, v in fixed.items() if k not in space}),
        "the space": files.sha256_of_json(msgspec.to_builtins(space)),
    }


def claim(study: optuna.Study, parts: Mapping[str, str]) -> None:
    """Make the study that of these parts; raises SweepError where it is another's."""
    known: dict[str, str] = study.user_attrs.get(MADE_OF, {})
    if not known:
        study.set_user_attr(MADE_OF, dict(parts))
    elif changed := [name for name, value in parts.items() if known.get(name) != value]:
        raise SweepError(
            f"not what the study {study.study_name!r} is made of: {', '.join(changed)}; undo the "
            "change to go on with it, or give --name for another study"
        )


def outcome(trial: optuna.Trial, *, epochs: int) -> float | None:
    """Return what was reported of the last epoch; None where it ended before that: pruned."""
    known = trial.study.get_trials(deepcopy=False)[trial.number]  # another process may report
    return known.intermediate_values.get(epochs)


def seed(study: str, number: int) -> int:
    """Return the seed of a trial's draws: the same whichever process, and however often stopped."""
    return int(files.sha256_of_json([study, number])[:8], 16)


def refuse_duplicate(trial: optuna.Trial, values: Mapping[str, object]) -> None:
    """Raise DuplicateError where a trial that counts has the same values."""
    counting = (*ENDED, TrialState.RUNNING)
    for other in trial.study.get_trials(deepcopy=False, states=counting):
        if other.number != trial.number and other.user_attrs.get(VALUES) == values:
            trial.set_user_attr(DUPLICATE_OF, other.number)
            raise DuplicateError


def fill(study: optuna.Study, objective: Callable[[optuna.Trial], float], *, trials: int) -> None:
    """Take trials until so many have ended here or elsewhere, or the space has no more.

    Those of machines that are dead are tried again; for the others' last ones it waits.
    """
    while True:
        fail_stale_trials(study)
        known = study.get_trials(deepcopy=False)
        ended = sum(trial.state in ENDED for trial in known)
        running = sum(trial.state == TrialState.RUNNING for trial in known)
        if ended >= trials or _is_exhausted(known):
            return
        if ended + running >= trials:
            time.sleep(OTHERS_S)
        else:
            study.optimize(objective, n_trials=1, catch=(DuplicateError,))


def _is_exhausted(trials: Sequence[FrozenTrial]) -> bool:
    last = trials[-TRIES:]
    return len(last) == TRIES and all(DUPLICATE_OF in trial.user_attrs for trial in last)
