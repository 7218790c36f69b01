"""Daft runs the plan: one row a slice, embedded in this process or on a Ray cluster.

A slice is done by a worker process whole, so that pixels never pass through the engine; what it
gives back are counts. Its part is there before its row comes back.
"""

import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from contract import lifeline
from scoring.errors import ScoringRefused
from scoring.job import Job, decoded, encoded
from scoring.listing import Slice
from scoring.tally import Tally, read
from scoring.worker import Worker

_PARTITIONS = 2000  # on Ray at most; a row's worker takes the rows of a partition in turn
_PATIENCE_S = 10.0  # for the cluster's head; Ray itself waits for minutes
_PACKAGES = ("contract", "scoring", "serving")
_QUIET = {"DAFT_PROGRESS_BAR": "0", "DAFT_ANALYTICS_ENABLED": "0", "DO_NOT_TRACK": "1"}


def run(
    job: Job, wanted: Sequence[Slice], *, workers: int, ray: str | None
) -> Iterator[tuple[Slice, Tally]]:
    """Each slice's counts as soon as its part is there, in whatever order."""
    os.environ.update({name: os.environ.get(name, value) for name, value in _QUIET.items()})
    import daft  # noqa: PLC0415 -- takes half a second, and a worker on Ray sets up its own

    if ray is None:
        daft.set_runner_native()  # else it imports Ray, where that is installed, to look for one
    else:
        workers = _connect(ray, workers)
    plan = daft.from_pydict(
        {"index": [one.index for one in wanted], "key": [one.key for one in wanted]}
    )
    if ray is not None:
        plan = plan.into_partitions(min(len(wanted), _PARTITIONS))
    method = daft.method.batch(return_dtype=daft.DataType.string(), batch_size=1)(_scored)
    body = {"__init__": _begin, "scored": method, "__module__": __name__}
    decorate = daft.cls(max_concurrency=min(workers, len(wanted)), use_process=ray is None or None)
    scoring = decorate(type("Scoring", (), body))(encoded(job))
    counts = scoring.scored(plan["index"], plan["key"]).alias("tally")
    by_index = {one.index: one for one in wanted}
    for row in plan.select(plan["index"], counts).iter_rows():
        yield by_index[row["index"]], read(row["tally"])


def _begin(self, job: bytes) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 -- of Daft's class
    """In the worker: load the model; embedded, end with the driver and leave Ctrl-C to it."""
    described = decoded(job)
    node = ""
    if described.driver is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        lifeline.when_gone(partial(lifeline.is_child_of, described.driver))
    else:
        import ray  # noqa: PLC0415 -- there alone where it runs

        node = str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
    self.worker = Worker(described, node=node)


def _scored(self, indexes, keys):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 -- Daft's Series
    pairs = zip(indexes.to_pylist(), keys.to_pylist(), strict=True)
    return [self.worker.score(index, key).text() for index, key in pairs]


def _connect(address: str, workers: int) -> int:
    """Join the cluster; give the number of workers: `workers`, or one a core where it is 0."""
    try:
        import daft  # noqa: PLC0415 -- as above
        import ray  # noqa: PLC0415 -- an extra of its own
    except ModuleNotFoundError as error:
        raise ScoringRefused(f"--ray needs Ray ({error}): pip install 'ray>=2.50'") from None
    _check_reachable(address)
    here = Path(__file__).parents[1]
    environment = {
        "py_modules": [str(here / name) for name in _PACKAGES],
        "env_vars": {**_QUIET, "OMP_NUM_THREADS": "1"},
    }
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, runtime_env=environment)
    except (ConnectionError, RuntimeError, ValueError) as error:
        text = " ".join(str(error).split())[:200]
        raise ScoringRefused(f"--ray {address!r} cannot be reached: {text}") from None
    daft.set_runner_ray(noop_if_initialized=True)
    found = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return workers or max(1, int(found.get("CPU", 1)))


def _check_reachable(address: str) -> None:
    """Raise ScoringRefused where nobody listens at HOST:PORT; other forms are left to Ray."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        raise ScoringRefused(
            f"--ray {address!r} cannot be reached ({error}): give HOST:PORT of the cluster's head, "
            "as `ray start --head` says it"
        ) from None
