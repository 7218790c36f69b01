"""Classify picture files without a server, one line each: PATH LABEL PROBABILITY.

Answers come in the order of the files. A file that cannot be classified is named on standard error,
the others are answered, and the exit status is 1. Paths and labels may hold blanks: with --json
each line is an object instead, with every class's probability, or with the error.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import islice

import numpy as np

from serving.classifier import Classifier, Prediction
from serving.errors import ModelRefused, ServingError

_AT_ONCE = 64  # pictures of one run of the model
_SOME_FAILED, _NO_MODEL = 1, 2  # exit statuses

Answer = tuple[str, Prediction | str]  # a path, and its answer or what was wrong


def main(arguments: Sequence[str]) -> int:
    """Return 0, 1 where a file could not be classified, 2 where the model could not be loaded."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a picture of any format read")
    parser.add_argument("--model", default="models/model.onnx", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="an object a line, as said above")
    chosen = parser.parse_args(arguments)
    try:
        classify = Classifier(chosen.model)
    except ModelRefused as error:
        sys.stderr.write(f"error: {error}\n")
        return _NO_MODEL
    _allow_odd_names()
    try:
        return _print(answers(classify, chosen.files), as_json=chosen.json)
    except BrokenPipeError:  # `convnet predict … | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def answers(classify: Classifier, paths: Sequence[str]) -> Iterator[Answer]:
    """Classify the files in their order, so many at once."""
    rest = iter(paths)
    while some := list(islice(rest, _AT_ONCE)):
        images, wrong = [], {}
        for place, path in enumerate(some):
            try:
                images.append(classify.read(path))
            except ServingError as error:
                wrong[place] = str(error)
            except OSError as error:
                wrong[place] = error.strerror or str(error)
        found = iter(classify.predict(np.stack(images)) if images else [])
        for place, path in enumerate(some):
            yield path, wrong[place] if place in wrong else next(found)


def _print(found: Iterator[Answer], *, as_json: bool) -> int:
    status = 0
    for path, answer in found:
        if isinstance(answer, str):
            status = _SOME_FAILED
            sys.stdout.flush()
            sys.stderr.write(f"error: {path}: {answer}\n")
        if as_json:
            content = {"error": answer} if isinstance(answer, str) else _told(answer)
            print(json.dumps({"path": path, **content}, ensure_ascii=False))  # noqa: T201 -- the answer
        elif isinstance(answer, Prediction):
            print(path, answer.label, answer.probability)  # noqa: T201 -- the answer
    sys.stdout.flush()
    return status


def _told(answer: Prediction) -> dict[str, object]:
    """What the model cannot tell is left out."""
    return {name: value for name, value in asdict(answer).items() if value is not None}


def _allow_odd_names() -> None:
    """Print a file name that is not UTF-8 as the bytes it has."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # TextIO's subclass
