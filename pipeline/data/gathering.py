"""Decoded rows → the splits of the prepared set: equal pictures in one split, and no gaps."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Images, Labels
from contract.files import canonical_json
from contract.reading.rules import FORMATS
from pipeline.data import duplicates
from pipeline.data.arrays import SPLITS, Split
from pipeline.data.listing import FolderError, listed_files, printable
from pipeline.data.pictures import Read
from pipeline.data.plan import Plan
from pipeline.data.split import Indices
from pipeline.data.unfinished import Unfinished


@dataclass(frozen=True)
class Gathered:
    """Splits as memory maps of files that still lie in the unfinished work."""

    name: str
    classes: tuple[str, ...]
    splits: tuple[Split, Split, Split]
    files: dict[str, str]
    formats: tuple[str, ...]
    rows: Plan  # of each split: the place of each row, but for what people corrected
    equal: list[Indices]  # places of equal pictures
    moved: int  # pictures that went to the split of their equals


def gather(work: Unfinished, found: Read, more: Split, *, name: str, allow_leak: bool) -> Gathered:
    """Put equal pictures into one split, close the gaps, append `more` to training, and map.

    Raises FolderError where the splits that the user made share equal pictures.
    """
    readable = np.flatnonzero(found.facts["readable"])
    equal = duplicates.equal_sets(found.facts["pixels"], readable)
    if not allow_leak:
        _refuse_leaks(found, equal)
    rows, moved = _regrouped(found, equal)
    _move(work, found, rows)
    known = {split: found.listing.labels[places] for split, places in rows.items()}
    for split, labels in known.items():
        _check_classes(split, labels, found.listing.classes)
    splits = []
    for split in SPLITS:
        file, planned = work.files[split], found.plan[split]
        keep = np.isin(planned, rows[split])
        keep = np.append(keep, np.ones(len(rows[split]) - int(keep.sum()), bool))
        if split == "train" and len(more):
            file.append(len(keep), more.images)
            keep = np.append(keep, np.ones(len(more), bool))
            known[split] = np.append(known[split], more.labels)
        file.keep_only(keep)
        splits.append(Split(np.load(file.path, mmap_mode="r"), known[split]))
    train, val, test = splits
    return Gathered(
        name=name,
        classes=found.listing.classes,
        splits=(train, val, test),
        files={found.listing.root.name: _fingerprint(found)},
        formats=_formats(found),
        rows=rows,
        equal=equal,
        moved=moved,
    )


def _refuse_leaks(found: Read, equal: list[Indices]) -> None:
    """Only for splits that the user gave: the others are made so that none leaks."""
    pictures = found.listing.pictures
    leaks = [
        " = ".join(printable(pictures[place].path) for place in places[:4].tolist())
        for places in equal
        if len({pictures[place].split for place in places.tolist()}) > 1
    ]
    if leaks:
        raise FolderError(
            f"{len(leaks):,} pictures stand, pixel for pixel, in more than one of your splits: a "
            "model is then measured on what it learned. Remove the copies from one, or set "
            f"data.allow_leak to true:{listed_files(leaks)}"
        )


def _regrouped(found: Read, equal: list[Indices]) -> tuple[Plan, int]:
    """The places of each split's rows: unreadable ones gone, equal ones where their first is.

    Groups that share equal pictures go together. The user's own val and test stay as they are.
    """
    pictures, readable = found.listing.pictures, found.facts["readable"]
    split_of = np.full(len(pictures), -1)
    for number, split in enumerate(SPLITS):
        split_of[found.plan[split]] = number
    to = split_of.copy()
    sets = [
        np.array([p for p in some if split_of[p] >= 0 and pictures[p].split in ("", "train")], int)
        for some in _joined(found, equal)
    ]
    for free in sets:
        to[free] = split_of[free[:1]]
    to[~readable] = -1
    _give_back(sets, split_of, to, found.listing.labels)
    to[~readable] = -1
    moves = (to != split_of) & readable
    rows = {
        split: np.concatenate(
            [places[to[places] == number], np.flatnonzero(moves & (to == number))]
        )
        for number, (split, places) in enumerate((split, found.plan[split]) for split in SPLITS)
    }
    return rows, int(moves.sum())


def _give_back(sets: list[Indices], split_of: Indices, to: Indices, labels: Labels) -> None:
    """Let a split keep a set of equal pictures whose leaving would take a class away from it."""
    for number in range(len(SPLITS)):
        for label in np.unique(labels[split_of == number]):
            if not ((to == number) & (labels == label)).any():
                of_class = (
                    free
                    for free in sets
                    if ((split_of[free] == number) & (labels[free] == label)).any()
                )
                to[next(of_class, labels[:0])] = number


def _joined(found: Read, equal: list[Indices]) -> Iterator[list[int]]:
    """Sets of equal pictures, joined where one group holds members of several; places rise."""
    by_group: dict[str, list[int]] = defaultdict(list)
    for place, picture in enumerate(found.listing.pictures):
        if picture.group:
            by_group[picture.group].append(place)
    sets = {place: number for number, places in enumerate(equal) for place in places.tolist()}
    seen: set[int] = set()
    for places in equal:
        waiting, joined = places.tolist(), set()
        while waiting:
            place = waiting.pop()
            if place in joined or place in seen:
                continue
            joined.add(place)
            if place in sets:
                waiting += equal[sets[place]].tolist()
            waiting += by_group.get(found.listing.pictures[place].group, [])
        seen |= joined
        if joined:
            yield sorted(joined)


def _move(work: Unfinished, found: Read, rows: Plan) -> None:
    """Copy rows behind the file of the split that they go to; all before any gap is closed."""
    row_of = np.zeros(len(found.listing.pictures), np.int64)
    for places in found.plan.values():
        row_of[places] = np.arange(len(places))
    for split in SPLITS:
        planned = found.plan[split]
        come = rows[split][~np.isin(rows[split], planned)].tolist()
        if come:
            images = (_pixels(work, found, place, int(row_of[place])) for place in come)
            work.files[split].append(len(planned), images)


def _pixels(work: Unfinished, found: Read, place: int, row: int) -> Images:
    """One image (C, H, W), from where it was decoded to."""
    for split, places in found.plan.items():
        if row < len(places) and places[row] == place:
            with work.files[split].path.open("rb", buffering=0) as file:
                (image,) = work.files[split].read(file.fileno(), row, 1)
            return np.asarray(image)
    raise KeyError(place)


def _check_classes(split: str, labels: NDArray[np.int64], classes: tuple[str, ...]) -> None:
    counts = np.bincount(labels, minlength=len(classes))
    if empty := [repr(name) for name, count in zip(classes, counts, strict=True) if not count]:
        raise FolderError(
            f"no picture of {', '.join(empty)} is left in {split}: they cannot be read, or equal "
            "pictures of another split took them along; add some, or take the class away"
        )


def _fingerprint(found: Read) -> str:
    """One hash of all names and contents."""
    digest = hashlib.sha256()
    for text in _pairs(found):
        digest.update(text.encode())
    return digest.hexdigest()


def _pairs(found: Read) -> Iterator[str]:
    """JSON of [[name, sha256], …], piece by piece."""
    places = np.sort(np.concatenate(list(found.plan.values()))).tolist()
    for count, place in enumerate(places):
        sha256 = found.facts["file"][place].tobytes().hex()
        pair = canonical_json([found.listing.pictures[place].path, sha256])
        yield f"{',' if count else '['}{pair}"
    yield "]"


def _formats(found: Read) -> tuple[str, ...]:
    """Of the readable pictures that are not the user's own val and test."""
    learned = np.array([one.split in ("", "train") for one in found.listing.pictures])
    seen = np.unique(found.facts["format"][learned & found.facts["readable"]])
    return tuple(sorted(FORMATS[number] for number in seen.tolist()))
