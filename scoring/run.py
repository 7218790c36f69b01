"""A job from INPUT to its summary; what an earlier try finished is kept."""

import fcntl
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from contract import granted
from contract.files import canonical_json
from scoring import champion, engine, inputs, job, listing, parts, storage, summary
from scoring.errors import ScoringRefused
from scoring.job import Job
from scoring.progress import Progress
from scoring.tally import Tally

Say = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The command's arguments."""

    source: str  # INPUT
    output: str
    model: str
    column: str | None
    labels: str | None
    workers: int  # 0: as many as there are cores
    slice_pictures: int
    ray: str | None


def run(asked: Asked, say: Say) -> dict[str, Any]:
    """Score what is left to score; the summary, as it was written. Raises ScoringRefused."""
    start_s = time.monotonic()
    output = _output(asked)
    content, model = champion.loaded(asked.model)
    facts = model.facts
    del model
    source = inputs.opened(
        asked.source, column=asked.column, labels=asked.labels, most=asked.slice_pictures
    )
    job.check_output(output)
    described = Job(
        output=output,
        base=str(Path.cwd()),
        model="",
        sha256=facts.sha256,
        kind=source.kind,
        column=source.column,
        labels=asked.labels,
        driver=None if asked.ray else os.getpid(),
    )
    with _alone(described):
        described = _with_model(described, content, facts.version)
        wanted = _listed(described, source.items, asked)
        tally, nodes, now = _all(described, wanted, asked, say)
        found = summary.of(
            tally, facts, nodes=nodes, labels=asked.labels is not None,
            run={
                "input": asked.source, "output": output, "parts": len(wanted),
                "scored_now": now, "seconds": round(time.monotonic() - start_s, 3),
            },
        )  # fmt: skip
        storage.write_json(storage.under(output, job.SUMMARY), found)
    return found


def _all(
    described: Job, wanted: list[listing.Slice], asked: Asked, say: Say
) -> tuple[Tally, Counter[str], int]:
    """Counts of all slices, pictures by node, and how many were scored now."""
    kept, removed = job.settle(described.output, wanted)
    if removed:
        say(f"{removed} parts of another model or of changed pictures are removed")
    tally, nodes = _counted(kept)
    before = tally.pictures
    if before:
        say(f"{before:,} pictures are scored already: going on")
    left = [one for one in wanted if one.key not in kept]
    _score(described, left, asked, tally, nodes, total=sum(one.pictures for one in wanted))
    return tally, nodes, tally.pictures - before


def _listed(described: Job, items: Iterator[inputs.Item], asked: Asked) -> list[listing.Slice]:
    """All slices, and the listing in OUTPUT."""
    key = job.key_of(described.sha256, described.kind, described.column, described.labels)
    with tempfile.TemporaryDirectory(prefix="scoring-") as folder:
        spool = Path(folder, "listing.arrow")
        wanted = listing.written(spool, items, most=asked.slice_pictures, job_key=key)
        if not wanted:
            raise ScoringRefused(f"{asked.source!r} holds no picture: nothing to score")
        storage.copy(spool, described.listing)
    return wanted


def _score(  # noqa: PLR0913 -- of one job
    described: Job,
    left: list[listing.Slice],
    asked: Asked,
    tally: Tally,
    nodes: Counter[str],
    *,
    total: int,
) -> None:
    """Add what each slice gives to `tally` and `nodes`."""
    if not left:
        return
    progress = Progress(total, done=tally.pictures, failed=tally.failed)
    workers = asked.workers or (0 if asked.ray else granted.cores())
    try:
        for _, counts in engine.run(described, left, workers=workers, ray=asked.ray):
            tally.add(counts)
            nodes[counts.node] += counts.pictures
            progress.add(counts.pictures, counts.failed)
    finally:
        progress.end()


def _counted(kept: dict[str, str]) -> tuple[Tally, Counter[str]]:
    """What finished parts say of themselves."""
    tally, nodes = Tally(), Counter[str]()
    for address in kept.values():
        counts = parts.counted(address)
        tally.add(counts)
        nodes[counts.node] += counts.pictures
    return tally, nodes


def _output(asked: Asked) -> str:
    """Absolute; raises ScoringRefused where parts would come in among the pictures."""
    if storage.is_remote(asked.output):
        storage.place(asked.output)
        return asked.output.rstrip("/")
    output = storage.local(asked.output).absolute()
    if output.exists() and not output.is_dir():
        raise ScoringRefused(f"OUTPUT {asked.output!r} is a file: name a folder")
    if not storage.is_remote(asked.source) and asked.source != inputs.STANDARD_INPUT:
        folder = storage.local(asked.source).absolute()
        if folder.is_dir() and output.resolve().is_relative_to(folder.resolve()):
            raise ScoringRefused(
                f"OUTPUT {asked.output!r} lies in INPUT, so that its parts would be scored: "
                "name a folder beside it"
            )
    return str(output)


@contextmanager
def _alone(described: Job) -> Iterator[None]:
    """Mark OUTPUT as a scoring's; raises ScoringRefused while another job here writes to it."""
    mark = canonical_json({"format": job.FORMAT}).encode()
    if storage.is_remote(described.output):
        storage.write(described.mark, mark)
        yield
        return
    path = storage.local(described.mark)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab+")
    except OSError as error:
        raise ScoringRefused(
            f"OUTPUT {described.output!r} cannot be written: {storage.reason(error)}"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ScoringRefused(
                f"another scoring writes to {described.output!r}: wait, or name another OUTPUT"
            ) from None
        file.truncate(0)
        file.write(mark)
        file.flush()
        yield


def _with_model(described: Job, content: bytes, version: str) -> Job:
    """Put the model beside the parts: workers anywhere find it, and it stays what it was."""
    address = described.within(f"model-{version}.onnx")
    try:
        there = storage.read(address, most=1 << 31)
    except OSError:
        there = b""
    if there != content:
        storage.write(address, content)
    return replace(described, model=address)
