"""What is counted: the names, labels and places of all numbers of a sheet."""

from dataclasses import dataclass
from itertools import product
from math import prod

CLASSES = 1000  # class indexes counted one by one
DRIFT_WINDOWS = 2  # each with the present counts and those before
DRIFT_PLACES = 1 + 5 * 16 + 2 + CLASSES  # images; five histograms; known or not; classes

ROUTES = (
    "/predict",
    "/invocations",
    "/v2/models/{name}/infer",
    "/v2",
    "/v1/models/{name}:predict",
    "/v1",
    "/metrics",
    "/model",
    "/drift",
    "/feedback",
    "/health",
    "/",
    "other",
)
REFUSALS = (
    *("400", "401", "403", "404", "405", "408", "413", "414", "415", "431"),
    *("500", "503", "504"),
)
STATUSES = ("200", "304", "499", *REFUSALS)  # 499: the client had left
ROLES = ("primary", "challenger")  # of the models that have a row of their own
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLICE_IMAGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
LOADED = ("model_loads_total", "primary")  # a worker loads its primary last: it has all models
SHED = ("deadline", "queue", "too_many", "late", "left")
RESTARTS = ("ended", "hung")
GIVEN_UP = -1.0  # in the place of a sign of life: this worker's model does not return
UNSEEN = {"hidden", "mark"}  # not for Prometheus; a mark ends with its worker
CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True, kw_only=True)
class Family:
    """Numbers of one name; one for each combination of label values."""

    name: str
    kind: str  # counter, gauge, histogram, version (12 hex digits), or unseen: hidden, mark
    text: str
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    bounds: tuple[float, ...] = ()
    shape: tuple[int, ...] = (1,)  # of what a key of a hidden family holds

    @property
    def keys(self) -> list[tuple[str, ...]]:
        return list(product(*[values for _, values in self.labels]))

    @property
    def width(self) -> int:
        """Numbers a key takes: a histogram has its buckets, the one above them, and the sum."""
        return len(self.bounds) + 2 if self.kind == "histogram" else prod(self.shape)


_ROUTE = ("route", ROUTES)
_CLASS = ("class", (*map(str, range(CLASSES)), "other"))

OF_SERVER = (
    Family(name="requests_total", kind="counter", text="Requests answered, by route and status.",
           labels=(_ROUTE, ("status", STATUSES))),
    Family(name="request_seconds", kind="histogram", labels=(_ROUTE,), bounds=SECONDS,
           text="From the whole request to its reply."),
    Family(name="refused_total", kind="counter", text="Requests refused, by status.",
           labels=(("status", REFUSALS),)),
    Family(name="connections", kind="gauge", text="Open connections."),
    Family(name="log_lines_dropped_total", kind="counter",
           text="Lines of the log that nobody read in time."),
    Family(name="worker_pid", kind="mark", text="Process of a worker."),
    Family(name="worker_alive_s", kind="mark", text="When it last gave a sign of life."),
    Family(name="worker_restarts_total", kind="counter", labels=(("reason", RESTARTS),),
           text="Workers replaced: they had ended, or gave no sign of life."),
    Family(name="ready_workers", kind="gauge", text="Workers that are ready."),
    Family(name="feedback_images", kind="gauge", text="Images in the feedback inbox."),
    Family(name="feedback_bytes", kind="gauge", text="Bytes in the feedback inbox."),
)  # fmt: skip

OF_MODEL = (
    Family(name="images_total", kind="counter", text="Images run."),
    Family(name="batch_images", kind="histogram", text="Images in one run.", bounds=SLICE_IMAGES),
    Family(name="predicted_total", kind="counter", text="Images by their most probable class.",
           labels=(_CLASS,)),
    Family(name="confidence", kind="histogram", text="Probability of the most probable class.",
           bounds=CONFIDENCES),
    Family(name="unknown_images_total", kind="counter",
           text="Images that are less familiar than the model's own threshold."),
    Family(name="queue_images", kind="gauge", text="Images without an answer yet."),
    Family(name="work_seconds", kind="gauge",
           text="Seconds of work that waits, all workers together: scale out by it."),
    Family(name="queue_seconds", kind="histogram", bounds=SECONDS,
           text="From a request's place in the queue to its first run."),
    Family(name="run_seconds", kind="histogram", bounds=SECONDS, text="Of one run."),
    Family(name="answering_seconds_total", kind="counter",
           text="From a request's first run to its answer, added up over requests."),
    Family(name="shed_images_total", kind="counter", labels=(("reason", SHED),),
           text="Images not run: no answer by the deadline, a full queue, more than the deadline "
           "allows in one request, too late when their turn came, or their client had left."),
    Family(name="shadow_images_total", kind="counter",
           text="Images that the challenger answered too, beside the primary.",
           labels=(("outcome", ("agreed", "disagreed", "dropped", "failed")),)),
    Family(name="model_loads_total", kind="counter", text="Models loaded."),
    Family(name="model_load_failures_total", kind="counter",
           text="Model files refused; the old model stayed."),
    Family(name="model_version", kind="version",
           text="Workers by the model version that they serve."),
    Family(name="drift", kind="hidden", shape=(DRIFT_WINDOWS, 2, DRIFT_PLACES),
           text="What serving.watch.drift makes its indexes of."),
)  # fmt: skip
