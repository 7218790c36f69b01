"""How a run ends: FINISHED, FAILED or KILLED, and never RUNNING; system metrics until then."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from pipeline.tracking.store import TrackedRun

SYSTEM_METRICS_INTERVAL_S = 2.0


@contextmanager
def settled(run: TrackedRun) -> Iterator[None]:
    """End the run with the block: FINISHED, KILLED by a signal, or FAILED."""
    try:
        with _system_metrics(run):
            yield
    except (KeyboardInterrupt, SystemExit):
        run.store.client.set_terminated(run.id, "KILLED")
        raise
    except BaseException as error:
        run.add_tags({"error": f"{type(error).__name__}: {error}"[:500]})
        run.store.client.set_terminated(run.id, "FAILED")
        raise
    run.store.client.set_terminated(run.id, "FINISHED")


@contextmanager
def _system_metrics(run: TrackedRun) -> Iterator[None]:
    monitor = SystemMetricsMonitor(
        run.id,
        sampling_interval=SYSTEM_METRICS_INTERVAL_S,
        resume_logging=True,
        tracking_uri=run.store.uri,
    )
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()
