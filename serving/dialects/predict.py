"""POST /predict: the door for people and browsers."""

from dataclasses import dataclass
from typing import get_args
from urllib.parse import parse_qsl

from serving.dialects import predictions
from serving.dialects.predict_bodies import BodyReader
from serving.errors import BadRequest
from serving.models.lineup import Lineup
from serving.pictures.decoding import Fit
from serving.wire.messages import Reply, Request

_FITS = get_args(Fit)


@dataclass(slots=True, frozen=True)
class Options:
    top_k: int | None = None  # None: all, in the order of the classes
    fit: Fit = "auto"
    version: str | None = None


_DEFAULT = Options()


@dataclass(slots=True, frozen=True)
class Predict:
    lineup: Lineup
    reader: BodyReader

    async def __call__(self, request: Request) -> Reply:
        options = read_options(request.query)
        served = self.lineup.pick(version=options.version)
        content_type = request.headers.get(b"content-type", b"")
        images = await self.reader.read(
            request.body, content_type, served.facts.image_shape, options.fit
        )
        probabilities = await served.batcher.submit(images)
        return Reply(predictions.body(probabilities, served.facts, options.top_k))


def read_options(query: bytes) -> Options:
    """top_k, fit and version; raises BadRequest for anything else."""
    if not query:
        return _DEFAULT
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=8
        )
    except ValueError:
        raise BadRequest("the query cannot be read: it may hold top_k, fit and version") from None
    given = dict(pairs)
    if len(given) != len(pairs) or given.keys() - {"top_k", "fit", "version"}:
        raise BadRequest("the query may hold top_k, fit and version, each once")
    return Options(_top_k(given.get("top_k")), _fit(given.get("fit")), given.get("version"))


def _top_k(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) >= 1):  # noqa: PLR2004 -- int() of a long text is slow
        raise BadRequest("top_k must be a whole number from 1")
    return int(text)


def _fit(text: str | None) -> Fit:
    for fit in _FITS:
        if text == fit:
            return fit  # type: ignore[no-any-return]  # get_args() has no types
    if text is None:
        return "auto"
    raise BadRequest(f"fit must be one of {', '.join(_FITS)}")
