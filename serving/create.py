"""create_app: every path of the server, and what answers it."""

from collections.abc import Callable
from functools import partial

from serving.about import About, Fitted
from serving.app import App
from serving.browsers import browsers
from serving.context import Context
from serving.counts.sheet import Recorder
from serving.dialects.mlflow_api import Invocations
from serving.dialects.picture_files import PictureFiles
from serving.dialects.predict import Predict
from serving.dialects.predict_bodies import BodyReader
from serving.dialects.v1.endpoints import V1
from serving.dialects.v2.describing import Bounds, Describer
from serving.dialects.v2.endpoints import V2
from serving.keys import Keys
from serving.models.explain import Explainers
from serving.models.lineup import Lineup, Role, Served
from serving.models.sources import FileSource, source_of
from serving.operations.access import AccessLog
from serving.operations.endpoints import Operations
from serving.operations.health import Health
from serving.pages import Pages
from serving.pictures.decoding import Decoders
from serving.routes import Handler, Route, Routes
from serving.settings import Settings, listed
from serving.watch.feedback import Feedback
from serving.watch.inbox import inbox_of
from serving.wire.budget import Budget
from serving.wire.messages import JSON


def create_app(  # noqa: PLR0913, PLR0917 -- the parts of an application
    settings: Settings,
    lineup: Lineup,
    health: Health,
    recorder: Recorder,
    access: AccessLog | None,
    memory: Budget,
    keys: Keys,
) -> App:
    """Put one worker's application together; nothing runs yet."""
    routes = Routes()
    files = PictureFiles(
        batch_limit=settings.batch_limit,
        decoders=Decoders(memory, deadline_s=settings.deadline),
        max_pixels=settings.max_pixels,
    )
    explainers = Explainers(_source(settings), enabled=settings.explain)
    v2 = V2(_describer(settings, lineup, explainers), files, recorder.sheet)
    _add_inference(routes, lineup, v2, files)
    _add_v1(routes, lineup, files)
    _add_operations(routes, settings, lineup, health, recorder)
    inbox = inbox_of(settings, recorder)
    feedback = Feedback(lineup, inbox, files)
    handlers = {"POST": feedback}
    reads = frozenset({JSON})
    route = Route(handlers=handlers, label="/feedback", guarded=True, changes=True, reads=reads)
    routes.add("/feedback", route)
    about = About(
        lineup=lineup,
        explainers=explainers,
        feedback=inbox is not None,
        body_limit=settings.body_limit,
    )
    routes.add("/explain", Route(handlers={"GET": about}, label="/", guarded=True))
    for path, handler in Pages.from_package().handlers():
        routes.add(path, Route(handlers={"GET": handler}, label="/"))
    return App(
        routes,
        health,
        recorder,
        body_limit=settings.body_limit,
        memory=memory,
        keys=keys,
        browsers=browsers(
            listed(settings.allowed_hosts), listed(settings.cors_origins), bound_to=settings.host
        ),
        access=access,
    )


def _add_inference(routes: Routes, lineup: Lineup, v2: V2, files: PictureFiles) -> None:
    reader = BodyReader(files=files)
    infer = "/v2/models/{name}/infer"
    versioned = "/v2/models/{name}/versions/{version}"
    inference: tuple[tuple[str, str, Handler, frozenset[bytes] | None], ...] = (
        ("/predict", "/predict", Predict(lineup, reader), None),
        ("/fit", "/", Fitted(lineup, reader), None),
        ("/invocations", "/invocations", Invocations(lineup, files), frozenset({JSON})),
        (infer, infer, v2.infer, None),
        (f"{versioned}/infer", infer, v2.infer, None),
    )
    for path, label, handler, reads in inference:
        route = Route(
            handlers={"POST": handler}, label=label, guarded=True, infers=True, reads=reads,
            room=partial(_expect, lineup) if label != "/" else None,
        )  # fmt: skip
        routes.add(path, route)
    metadata: tuple[tuple[str, Handler], ...] = (
        ("/v2", v2.server),
        ("/v2/models", v2.models),
        ("/v2/models/{name}", v2.model),
        ("/v2/models/{name}/ready", v2.model_ready),
        (versioned, v2.model),
        (f"{versioned}/ready", v2.model_ready),
        ("/v2/models/{name}/config", v2.config),
        (f"{versioned}/config", v2.config),
    )
    for path, handler in metadata:
        routes.add(path, Route(handlers={"GET": handler}, label="/v2", compresses=False))
    index = Route(handlers={"POST": v2.index}, label="/v2", compresses=False)
    routes.add("/v2/repository/index", index)
    for path in ("/v2/models/stats", "/v2/models/{name}/stats", f"{versioned}/stats"):
        handlers = {"GET": v2.stats}
        routes.add(path, Route(handlers=handlers, label="/v2", guarded=True, compresses=False))


def _describer(settings: Settings, lineup: Lineup, explainers: Explainers) -> Describer:
    bounds = Bounds(
        max_batch=settings.batch_limit,
        body_limit=settings.body_limit,
        max_pixels=settings.max_pixels,
    )
    return Describer(lineup, bounds, explainers)


def _add_v1(routes: Routes, lineup: Lineup, files: PictureFiles) -> None:
    v1 = V1(lineup, files)
    predict = "/v1/models/{name}:predict"
    route = Route(
        handlers={"POST": v1.predict}, label=predict, guarded=True, infers=True,
        room=partial(_expect, lineup),
    )  # fmt: skip
    routes.add(predict, route)
    for path, handler in (("/v1/models", v1.models), ("/v1/models/{name}", v1.model)):
        routes.add(path, Route(handlers={"GET": handler}, label="/v1"))


def _expect(lineup: Lineup, context: Context) -> None:
    """Raise Unavailable where the primary could not even answer one image in time."""
    lineup.pick().batcher.expect(context)


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
        handlers, is_plain = {"GET": handler}, not path.startswith("/v2/")
        route = Route(handlers=handlers, label=label, guarded=guarded, compresses=is_plain)
        routes.add(path, route)


def _source(settings: Settings) -> Callable[[Served], FileSource]:
    """Where the file of a served model, and what lies beside it, comes from."""

    def source(served: Served) -> FileSource:
        return source_of(settings.model if served.role is Role.PRIMARY else settings.challenger)

    return source
