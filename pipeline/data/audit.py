"""What is remarkable about a folder of pictures: copies, names that collide, sizes, imbalance."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.arrays import Images
from contract.reading.rules import FORMATS
from pipeline.data import duplicates
from pipeline.data.arrays import SPLITS
from pipeline.data.gathering import Gathered
from pipeline.data.listing import printable
from pipeline.data.pictures import Read
from pipeline.data.split import Indices

AUDIT_JSON = "audit.json"
SHOWN = 24  # sets of each kind that are listed one by one
UNEVEN = 3.0  # training pictures of the largest class for one of the smallest
SHOWN_MEMBERS = 6  # of a set


class Member(Struct, frozen=True, kw_only=True):
    """A picture that has a double: `row` is its place in the split's arrays."""

    path: str
    label: str
    split: str
    row: int


class Doubles(Struct, frozen=True, kw_only=True):
    """Sets of equal pictures, or pairs of near ones; `shown` begins with those across splits."""

    sets: int
    pictures: int
    across_splits: int  # sets
    across_classes: int  # sets
    shown: tuple[tuple[Member, ...], ...]


class Spread(Struct, frozen=True, kw_only=True):
    least: int
    median: int
    most: int


class Class(Struct, frozen=True, kw_only=True):
    name: str
    train: int
    val: int
    test: int


class Audit(Struct, frozen=True, kw_only=True):
    """The content of audit.json."""

    pictures: int  # prepared
    unreadable: int
    left_out: dict[str, int]  # why: files
    classes: tuple[Class, ...]
    imbalance: float  # training pictures of the largest class for one of the smallest
    formats: dict[str, int]
    width: Spread  # px, as stored
    height: Spread
    enlarged: int  # pictures smaller than the prepared images, on either side
    shapes: dict[str, int]
    transparent: int
    equal: Doubles
    moved: int  # pictures that went to the split of their equals
    near: Doubles  # alike, but not equal
    collisions: tuple[tuple[str, ...], ...]  # names that other systems take for one


def audit(found: Read, gathered: Gathered) -> Audit:
    """Every picture counts that is in a split."""
    places = np.sort(np.concatenate(list(gathered.rows.values())))
    formats, widths, heights, transparent = (
        found.facts[name][places] for name in ("format", "width", "height", "transparent")
    )
    _, height, width = gathered.splits[0].images.shape[1:]
    counts = [
        np.bincount(found.listing.labels[gathered.rows[split]], minlength=len(gathered.classes))
        for split in SPLITS
    ]
    ratio = widths / heights
    members = _Members(found, gathered)
    pairs = _near(members, places)
    return Audit(
        pictures=len(places),
        unreadable=len(found.reasons),
        left_out=found.listing.left_out,
        classes=tuple(
            Class(name=name, train=int(train), val=int(val), test=int(test))
            for name, train, val, test in zip(gathered.classes, *counts, strict=True)
        ),
        imbalance=float(counts[0].max() / counts[0].min()),
        formats={
            FORMATS[number]: int(count)
            for number, count in zip(*np.unique(formats, return_counts=True), strict=True)
        },
        width=_spread(widths),
        height=_spread(heights),
        enlarged=int(((widths < width) | (heights < height)).sum()),
        shapes={
            "square": int((ratio == 1).sum()),
            "wider than high": int((ratio > 1).sum()),
            "higher than wide": int((ratio < 1).sum()),
            "more than twice as long as short": int(((ratio > 2) | (ratio < 0.5)).sum()),  # noqa: PLR2004 - as it says
        },
        transparent=int(transparent.sum()),
        equal=members.doubles(gathered.equal),
        moved=gathered.moved,
        near=members.doubles(list(pairs)),
        collisions=collisions(
            [*gathered.classes, *(picture.path for picture in found.listing.pictures)]
        ),
    )


def remarks(found: Audit) -> list[str]:
    """Lines for what somebody should look at; none where all is well."""
    equal, near = found.equal, found.near
    lines = {
        f"{equal.sets:,} sets of equal pictures, {equal.across_classes:,} of them in more than one "
        f"class; {found.moved:,} pictures went to the split of their equals": equal.sets,
        f"{equal.across_splits:,} sets of equal pictures stand in more than one split": (
            equal.across_splits
        ),
        f"{near.sets:,} pairs look alike, {near.across_splits:,} across splits, "
        f"{near.across_classes:,} across classes": near.sets,
        f"{len(found.collisions):,} names that other systems take for one: "
        f"{', '.join(map(repr, found.collisions[0])) if found.collisions else ''}": (
            len(found.collisions)
        ),
        f"the largest class has {found.imbalance:.1f} training pictures for one of the smallest: "
        "see train.balance": (found.imbalance >= UNEVEN),
        f"{found.enlarged:,} of {found.pictures:,} pictures are smaller than the images made of "
        "them": found.enlarged,
    }
    return [f"look at: {line}" for line, count in lines.items() if count]


class _Members:
    """Tells of a place where it went."""

    def __init__(self, found: Read, gathered: Gathered) -> None:
        self.found, self.gathered = found, gathered
        self.split = np.full(len(found.listing.pictures), -1)
        self.row = np.zeros(len(found.listing.pictures), np.int64)
        for number, places in enumerate(gathered.rows[split] for split in SPLITS):
            self.split[places] = number
            self.row[places] = np.arange(len(places))

    def doubles(self, sets: list[Indices]) -> Doubles:
        pictures, split = self.found.listing.pictures, self.split
        across_splits = [len(set(split[places].tolist())) > 1 for places in sets]
        across_classes = [len({pictures[p].label for p in some.tolist()}) > 1 for some in sets]
        telling = zip(across_splits, across_classes, range(len(sets)), strict=True)
        first = sorted(telling, key=lambda one: (not one[0], not one[1], one[2]))[:SHOWN]
        return Doubles(
            sets=len(sets),
            pictures=len(set(np.concatenate(sets).tolist())) if sets else 0,
            across_splits=sum(across_splits),
            across_classes=sum(across_classes),
            shown=tuple(
                tuple(self._member(place) for place in sets[number][:SHOWN_MEMBERS].tolist())
                for _, _, number in first
            ),
        )

    def _member(self, place: int) -> Member:
        picture = self.found.listing.pictures[place]
        return Member(
            path=printable(picture.path),
            label=self.gathered.classes[picture.label],
            split=SPLITS[self.split[place]],
            row=int(self.row[place]),
        )


def collisions(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Names that differ in case, trailing blanks and dots, or Unicode form alone; at most SHOWN.

    Systems that hold such names for one would lose files of a folder that is copied there.
    """
    hashes = np.fromiter((hash(_plain(name)) for name in names), np.int64, len(names))
    _, first, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    seen: dict[str, set[str]] = defaultdict(set)
    for place in np.flatnonzero(counts[first] > 1).tolist():
        seen[_plain(names[place])].add(names[place])
    several = (sorted(same) for same in seen.values() if len(same) > 1)
    return tuple(tuple(map(printable, same)) for same in several)[:SHOWN]


def _plain(name: str) -> str:
    parts = (part.rstrip(" .") or part for part in name.split("/"))
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", "/".join(parts)).casefold())


def _near(members: _Members, places: Indices) -> NDArray[np.int64]:
    """Pairs of places; of equal pictures only the first is asked."""
    found, gathered = members.found, members.gathered
    copies = [place for some in gathered.equal for place in some[1:].tolist()]
    asked = places[~np.isin(places, copies)]

    def pixels(index: int) -> Images:
        place = asked[index]
        return np.asarray(gathered.splits[members.split[place]].images[members.row[place]])

    pairs, _ = duplicates.near_pairs(found.facts["likeness"][asked], pixels)
    return asked[pairs]


def _spread(values: NDArray[np.uint32]) -> Spread:
    return Spread(least=int(values.min()), median=int(np.median(values)), most=int(values.max()))
