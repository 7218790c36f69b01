"""POST /predict: the door for people and browsers."""

from dataclasses import dataclass
from functools import partial
from typing import get_args
from urllib.parse import parse_qsl

import numpy as np

from serving.dialects import predictions
from serving.dialects.pieces import AT_ONCE, made
from serving.dialects.predict_bodies import BodyReader
from serving.errors import BadRequest, ServingError
from serving.models.lineup import Lineup, Served
from serving.pictures.fitting import Fit
from serving.wire.messages import Reply, Request

_FITS = get_args(Fit)
_KNOWN = "top_k, fit, errors and version"


@dataclass(slots=True, frozen=True)
class Options:
    top_k: int | None = None  # None: all, in the order of the classes
    fit: Fit = "auto"
    version: str | None = None
    errors_each: bool = False  # a bad picture's error stands in its place; the others are answered


_DEFAULT = Options()


@dataclass(slots=True, frozen=True)
class Predict:
    lineup: Lineup
    reader: BodyReader

    async def __call__(self, request: Request) -> Reply:
        options = read_options(request.query)
        served = self.lineup.pick(version=options.version)
        facts, context = served.facts, request.context
        context.version = facts.version
        served.batcher.expect(context)
        content_type = request.headers.get(b"content-type", b"")
        if options.errors_each:
            return await self._each(request, content_type, served, options)
        images = await self.reader.read(request.body, content_type, facts, options.fit)
        answers = await served.answer(images, context)
        if answers.size <= AT_ONCE:  # without a step more: many requests are one small image
            return Reply(predictions.body(answers, facts, options.top_k))
        write = partial(predictions.body, answers, facts, options.top_k)
        return Reply(await made(write, numbers=answers.size))

    async def _each(
        self, request: Request, content_type: bytes, served: Served, options: Options
    ) -> Reply:
        """200 also where all are bad: what was asked for is a word about each."""
        outcomes = await self.reader.read_each(
            request.body, content_type, served.facts, options.fit
        )
        faults = {at: one for at, one in enumerate(outcomes) if isinstance(one, ServingError)}
        images = [one for one in outcomes if not isinstance(one, ServingError)]
        answers = (
            await served.answer(np.stack(images), request.context)
            if images
            else np.empty((0, len(served.facts.classes)), np.float32)
        )
        write = partial(predictions.body, answers, served.facts, options.top_k, faults)
        return Reply(await made(write, numbers=answers.size))


def read_options(query: bytes) -> Options:
    """top_k, fit, errors and version; raises BadRequest for anything else."""
    if not query:
        return _DEFAULT
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=8
        )
    except ValueError:
        raise BadRequest(f"the query cannot be read: it may hold {_KNOWN}") from None
    given = dict(pairs)
    if len(given) != len(pairs) or given.keys() - {"top_k", "fit", "errors", "version"}:
        raise BadRequest(f"the query may hold {_KNOWN}, each once")
    if given.get("errors", "each") != "each":
        raise BadRequest("errors must be each, or left away")
    return Options(
        _top_k(given.get("top_k")),
        _fit(given.get("fit")),
        given.get("version"),
        errors_each="errors" in given,
    )


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
