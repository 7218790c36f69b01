"""How a run ends: FINISHED, FAILED or KILLED, and never RUNNING; system metrics until then."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from pipeline.tracking.run import TrackedRun

SYSTEM = "system/"
INTERVAL_S = 2.0


@contextmanager
def ended_with(run: TrackedRun) -> Iterator[None]:
    """End the run with the block: FINISHED, KILLED by a signal, or FAILED.

    Inside, what is added to the run is sent by a thread of its own.
    """
    with run.outbox.sending():
        try:
            with _system_metrics(run):
                yield
        except (KeyboardInterrupt, SystemExit):
            run.set_status("KILLED")
            raise
        except BaseException as error:
            run.fail(error)
            raise
        run.set_status("FINISHED")


@contextmanager
def _system_metrics(run: TrackedRun) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(run, over), name="system metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(run: TrackedRun, over: threading.Event) -> None:
    """MLflow's own sampling; its sending gives up where the store is away for a moment."""
    monitor = SystemMetricsMonitor("", tracking_uri=run.outbox.uri)
    step = _next_step(run)
    while not over.wait(INTERVAL_S):
        monitor.collect_metrics()
        found = {f"{SYSTEM}{key}": value for key, value in monitor.aggregate_metrics().items()}
        for one in monitor.monitors:
            one.clear_metrics()
        run.add_metrics({key: v for key, v in found.items() if math.isfinite(v)}, step=step)
        step += 1


def _next_step(run: TrackedRun) -> int:
    """Of a run that goes on; 1 where the store does not say.

    MLflow takes what was measured at step 0 for the logged model's.
    """
    if run.is_new or run.outbox.away:
        return 1
    try:
        known = run.record.data._metric_objs  # noqa: SLF001 - the only place with steps
    except MlflowException:
        return 1
    return max((one.step + 1 for one in known if one.key.startswith(SYSTEM)), default=1)
