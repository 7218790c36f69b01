"""The user's own pictures as uint8 images of one size and colour, decoded where they belong."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.files import write_bytes
from contract.reading.rules import FORMATS, Rules
from pipeline.config import Data
from pipeline.data import plan, room, unfinished
from pipeline.data.decoding import Done, decode_all
from pipeline.data.folder import scan
from pipeline.data.listing import FolderError, Listing, listed_files, printable
from pipeline.data.looking import FACTS, Facts, Shape
from pipeline.data.plan import Plan
from pipeline.data.progress import Counting
from pipeline.data.unfinished import Unfinished

UNREADABLE = "unreadable.txt"


@dataclass(frozen=True)
class Read:
    """What decoding found; `reasons` are those of pictures that could not be read, by place."""

    listing: Listing
    plan: Plan
    facts: Facts  # (pictures of the listing,); zeros where nothing was read
    reasons: dict[int, str]


def listed(root: Path, data: Data) -> tuple[Listing, Plan]:
    """Raises FolderError that names what is wrong with the layout."""
    listing = scan(root)
    for why, count in listing.left_out.items():
        sys.stderr.write(f"left out: {count:,} file(s), {why}\n")
    chosen = plan.divide(
        listing,
        validation_fraction=data.validation_fraction,
        limit=data.limit,
        seed=data.seed,
    )
    return listing, chosen


def decode(work: Unfinished, listing: Listing, chosen: Plan, rules: Rules, shape: Shape) -> Read:
    """Fill the arrays of `work`; says what that takes before, and how far it is meanwhile.

    Raises RoomError before anything is decoded, DecodingError.
    """
    total = sum(map(len, chosen.values()))
    need = room.Need(total, shape, room.processes_for(total, unfinished.PART * 4))
    there = sum(file.path.stat().st_blocks * 512 for file in work.there())
    room.check(need, work.folder, already=there)
    sys.stderr.write(f"{need.sentence()}\n")
    done = work.begin()
    found = Read(listing, chosen, np.zeros(len(listing.pictures), FACTS), {})
    for earlier in done.values():
        _note(found, work, earlier)
    skipped = sum(len(earlier.facts) for earlier in done.values())
    counting = Counting("pictures", total, sys.stderr, already=skipped)
    with work.journal() as journal:
        count = skipped
        for part in decode_all(work.parts(done), rules, shape, processes=need.processes):
            unfinished.record(journal, part)
            _note(found, work, part)
            count += len(part.facts)
            counting.at(count, f"{len(found.reasons):,} unreadable" if found.reasons else "")
    counting.end()
    return found


def refuse_unreadable(found: Read, share: float, folder: Path) -> None:
    """List unreadable files in `folder`; raise FolderError where they are more than a `share`."""
    pictures, total = found.listing.pictures, sum(map(len, found.plan.values()))
    lines = [
        f"{printable(pictures[place].path)}: {why}" for place, why in sorted(found.reasons.items())
    ]
    listing = folder / UNREADABLE
    listing.unlink(missing_ok=True)
    if not lines:
        return
    write_bytes(listing, "".join(f"{line}\n" for line in lines).encode())
    summary = f"{len(lines):,} of {total:,} files cannot be read as pictures"
    if len(lines) > share * total:
        raise FolderError(
            f"{summary} ({', '.join(FORMATS)}), and data.folder_unreadable {share} allows "
            f"{int(share * total):,}; mend or remove them, all of which {listing} lists:"
            f"{listed_files(lines)}"
        )
    sys.stderr.write(f"{summary}, and are left out: see {listing}\n")


def _note(found: Read, work: Unfinished, part: Done) -> None:
    split, rows = work.rows_of(part.name)
    places = found.plan[split][rows]
    found.facts[places] = part.facts
    found.reasons.update({int(places[row]): why for row, why in part.reasons.items()})
