"""create_app: every path of the server, and what answers it."""

from collections.abc import Callable

from serving.about import About, Fitted
from serving.app import App
from serving.dialects.mlflow_api import Invocations
from serving.dialects.predict import Predict
from serving.dialects.predict_bodies import BodyReader
from serving.dialects.v2.endpoints import V2, Bounds
from serving.keys import Key
from serving.lifecycle.feedback import Feedback
from serving.lifecycle.inbox import inbox_of
from serving.models.explain import Explainers
from serving.models.lineup import Lineup, Role, Served
from serving.models.sources import FileSource, source_of
from serving.operations.access import AccessLog
from serving.operations.endpoints import Operations
from serving.operations.health import Health
from serving.operations.metrics import Recorder
from serving.pages import Pages
from serving.pictures.decoding import Decoders
from serving.routes import Handler, Route, Routes
from serving.settings import Settings


def create_app(
    settings: Settings, lineup: Lineup, health: Health, recorder: Recorder, access: AccessLog | None
) -> App:
    """Put one worker's application together; nothing runs yet."""
    routes = Routes()
    explainers = Explainers(_source(settings), enabled=settings.explain)
    _add_inference(routes, settings, lineup, explainers)
    _add_operations(routes, settings, lineup, health, recorder)
    inbox = inbox_of(settings, recorder)
    feedback = Feedback(lineup, inbox, settings.max_pixels)
    routes.add("/feedback", Route(handlers={"POST": feedback}, label="/feedback", guarded=True))
    about = About(lineup=lineup, explainers=explainers, feedback=inbox is not None)
    routes.add("/explain", Route(handlers={"GET": about}, label="/", guarded=True))
    for path, handler in Pages.from_package().handlers():
        routes.add(path, Route(handlers={"GET": handler}, label="/"))
    return App(
        routes,
        health,
        recorder,
        body_limit=settings.body_limit,
        key=Key(settings.api_key.encode()) if settings.api_key else None,
        access=access,
    )


def _add_inference(
    routes: Routes, settings: Settings, lineup: Lineup, explainers: Explainers
) -> None:
    bounds = Bounds(
        max_batch=settings.batch_limit,
        body_limit=settings.body_limit,
        max_pixels=settings.max_pixels,
        queue=settings.queue,
    )
    reader = BodyReader(
        batch_limit=settings.batch_limit,
        decoders=Decoders(max_pixels=settings.max_pixels, deadline_s=settings.deadline),
    )
    v2 = V2(lineup, bounds, explainers)
    infer = "/v2/models/{name}/infer"
    versioned = "/v2/models/{name}/versions/{version}"
    inference: tuple[tuple[str, str, Handler], ...] = (
        ("/predict", "/predict", Predict(lineup, reader)),
        ("/fit", "/", Fitted(lineup, reader)),
        ("/invocations", "/invocations", Invocations(lineup, settings.batch_limit)),
        (infer, infer, v2.infer),
        (f"{versioned}/infer", infer, v2.infer),
    )
    for path, label, handler in inference:
        route = Route(handlers={"POST": handler}, label=label, guarded=True, infers=True)
        routes.add(path, route)
    metadata: tuple[tuple[str, Handler], ...] = (
        ("/v2", v2.server),
        ("/v2/models", v2.models),
        ("/v2/models/{name}", v2.model),
        ("/v2/models/{name}/ready", v2.model_ready),
        (versioned, v2.model),
        (f"{versioned}/ready", v2.model_ready),
    )
    for path, handler in metadata:
        routes.add(path, Route(handlers={"GET": handler}, label="/v2"))


def _add_operations(
    routes: Routes, settings: Settings, lineup: Lineup, health: Health, recorder: Recorder
) -> None:
    operations = Operations(lineup, recorder.sheet, _source(settings))
    paths: tuple[tuple[str, Handler, str, bool], ...] = (
        ("/v2/health/live", health.live, "/health", False),
        ("/v2/health/ready", health.ready, "/health", False),
        ("/ping", health.ready, "/health", False),
        ("/health", health.ready, "/health", False),
        ("/version", operations.version, "/health", False),
        ("/metrics", operations.metrics, "/metrics", True),
        ("/model", operations.model, "/model", True),
        ("/drift", operations.drift, "/drift", True),
    )
    for path, handler, label, guarded in paths:
        routes.add(path, Route(handlers={"GET": handler}, label=label, guarded=guarded))


def _source(settings: Settings) -> Callable[[Served], FileSource]:
    """Where the file of a served model, and what lies beside it, comes from."""

    def source(served: Served) -> FileSource:
        return source_of(settings.model if served.role is Role.PRIMARY else settings.challenger)

    return source
