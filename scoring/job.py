"""What a job is: what it reads, with which model, and what its parts are called by."""

import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from contract.files import sha256_of_json
from scoring import listing, storage
from scoring.errors import ScoringRefused
from scoring.inputs import Kind

FORMAT = 1  # of the parts: another number, and all is scored again
FOLDER = "_job"  # in OUTPUT; readers of Parquet folders pass over names that begin so
SUMMARY = "_summary.json"
_PART = re.compile(rf"part-\d{{6,}}-(?P<key>[0-9a-f]{{{listing.KEY_DIGITS}}})\.parquet")
_LEFT = re.compile(r"\.part-.*\.tmp")  # of a worker that was killed while it wrote


class Job(Struct, frozen=True, kw_only=True):
    """All that a worker is told; on whichever machine, it needs OUTPUT and INPUT in reach."""

    output: str  # absolute, or an address
    base: str  # folder that relative paths start from
    model: str  # address of the ONNX file, in OUTPUT
    sha256: str  # of that file
    kind: Kind
    column: str = ""
    labels: str | None = None  # a column's name, or "folder"
    driver: int | None = None  # process to end with; None: on other machines

    @property
    def listing(self) -> str:
        return self.within("listing.arrow")

    @property
    def mark(self) -> str:
        """A file that says: this folder is a scoring's OUTPUT."""
        return self.within("job.json")

    def within(self, name: str) -> str:
        return storage.under(storage.under(self.output, FOLDER), name)

    def part(self, index: int, key: str) -> str:
        return storage.under(self.output, f"part-{index:06}-{key}.parquet")

    def absolute(self, path: str) -> str:
        """An address as it is, and a relative path from where the job was started."""
        if path.startswith("/") or storage.is_remote(path):
            return path
        return f"{self.base}/{path.removeprefix('file://')}"


def key_of(sha256: str, kind: Kind, column: str, labels: str | None) -> str:
    """What parts depend on beside the pictures; the reader's rules are in the model's file."""
    return sha256_of_json([FORMAT, sha256, kind, column, labels])


def check_output(output: str) -> None:
    """Raise ScoringRefused for a folder with other things in it."""
    names = {entry.path for entry in storage.listed(output)}
    if names and f"{FOLDER}/" not in names:
        raise ScoringRefused(
            f"OUTPUT {output!r} holds other things than a scoring's parts ({min(names)}): "
            "give an empty folder or a new one"
        )


def settle(output: str, wanted: Sequence[listing.Slice]) -> tuple[dict[str, str], int]:
    """Parts by key that are finished, and how many were removed: of another model or input."""
    keys = {one.key for one in wanted}
    kept: dict[str, str] = {}
    removed = 0
    for entry in storage.listed(output):
        found = _PART.fullmatch(entry.path)
        if found and found["key"] in keys and found["key"] not in kept:
            kept[found["key"]] = storage.under(output, entry.path)
        elif found or _LEFT.fullmatch(entry.path):
            storage.remove(storage.under(output, entry.path))
            removed += bool(found)
    return kept, removed


def encoded(job: Job) -> bytes:
    return msgspec.json.encode(job)


def decoded(text: bytes) -> Job:
    return msgspec.json.decode(text, type=Job)
