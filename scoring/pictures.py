"""The pictures of one slice: their files' bytes, in order, or why one cannot be had."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from scoring import storage, tables
from scoring.errors import ScoringRefused
from scoring.inputs import FOLDER, Item
from scoring.job import Job

_AT_ONCE = 32  # requests to a bucket or a web server; each picture is megabytes at most


@dataclass(frozen=True)
class Picture:
    path: str  # as OUTPUT names it
    content: bytes | OSError
    truth: str | None


def of(job: Job, items: list[Item]) -> Iterator[Picture]:
    """All of a slice; raises ScoringRefused where its table cannot be read any more."""
    return _rows(job, items) if job.kind == "rows" else _files(job, items)


def _files(job: Job, items: list[Item]) -> Iterator[Picture]:
    if not any(storage.is_remote(item.path) for item in items):
        yield from (_file(job, item) for item in items)
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        rest = iter(items)
        while some := list(islice(rest, _AT_ONCE)):
            yield from pool.map(lambda item: _file(job, item), some)


def _file(job: Job, item: Item) -> Picture:
    return Picture(shown(item.path), _content(job, item.path), _truth(job, item))


def _content(job: Job, path: str) -> bytes | OSError:
    try:
        if not path:
            return OSError("the row names no file")
        return storage.read(job.absolute(path))
    except OSError as error:
        return error
    except (ValueError, ScoringRefused) as error:  # a NUL in a path, an unknown scheme
        return OSError(str(error))


def _truth(job: Job, item: Item) -> str | None:
    if job.labels != FOLDER:
        return item.label
    return item.path.rstrip("/").rpartition("/")[0].rpartition("/")[2] or None


def _rows(job: Job, items: Iterable[Item]) -> Iterator[Picture]:
    for item in items:
        number = item.first
        for batch in tables.rows(
            *(job.absolute(item.path), job.column, job.labels),
            first=item.first,
            count=item.count,
            at_once=64,
        ):
            for content, truth in batch:
                yield Picture(f"{shown(item.path)}#{number}", _checked(content), truth)
                number += 1


def _checked(content: bytes | None) -> bytes | OSError:
    if content is None:
        return OSError("the row holds no file")
    if len(content) > storage.MOST_BYTES:
        return storage.FileTooLarge(f"the file has more than {storage.MOST_BYTES:,} bytes")
    return content


def shown(path: str) -> str:
    r"""What is no UTF-8 in a file's name stands as \xNN in OUTPUT, whose strings are UTF-8."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
