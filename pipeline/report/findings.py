"""What the audit of the user's pictures found, as a part of the report."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.data.arrays import PreparedError
from pipeline.data.audit import AUDIT_JSON, Audit, Doubles, Spread
from pipeline.data.doubles_sheet import DOUBLES_PNG
from pipeline.report import html


@dataclass(frozen=True)
class Audited:
    """What prepare left in its folder of plots: nothing for published sets."""

    audit: Audit | None
    doubles: bytes | None  # PNG of pictures that stand more than once

    def html(self) -> str:
        return findings(self.audit, self.doubles) if self.audit else ""

    def metrics(self) -> dict[str, float]:
        """For the tracker."""
        if self.audit is None:
            return {}
        return {
            "unreadable": self.audit.unreadable,
            "left_out": sum(self.audit.left_out.values()),
            "equal_sets": self.audit.equal.sets,
            "near_pairs": self.audit.near.sets,
            "near_across_splits": self.audit.near.across_splits,
            "imbalance": self.audit.imbalance,
        }


def read(folder: Path) -> Audited:
    """Raises PreparedError where audit.json is not what prepare writes."""
    path, picture = folder / AUDIT_JSON, folder / DOUBLES_PNG
    if not path.exists():
        return Audited(None, None)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Audit)
    except msgspec.DecodeError as error:
        raise PreparedError(f"{path} is damaged: {error}; run `dvc repro -f -s prepare`") from error
    return Audited(found, picture.read_bytes() if picture.exists() else None)


def findings(audit: Audit, doubles: bytes | None) -> str:
    """`doubles` is the PNG of pictures that stand more than once."""
    parts = [
        html.subtitle("What the pictures are like"),
        html.paragraph(
            "Before the network saw them, the files were counted and compared. A test picture that "
            "also stands in training makes a model look better than it is; one picture in two "
            "classes teaches that both are right."
        ),
        html.table(("", "found"), tuple(_rows(audit))),
    ]
    if doubles:
        parts.append(
            html.picture(
                doubles,
                alt="Pictures that stand more than once, a row for each",
                caption="Equal pictures, then pairs that look alike, each with class, split and "
                "file; first those that stand in several splits or classes.",
                width="wide",
            )
        )
    return "".join(parts)


def _rows(audit: Audit) -> Iterator[tuple[str, str]]:
    yield "pictures", f"{audit.pictures:,}"
    yield "that cannot be read, and are left out", f"{audit.unreadable:,}"
    for why, count in audit.left_out.items():
        yield f"other files: {why}", f"{count:,}"
    yield "formats", _listed(audit.formats)
    yield "width and height, px", f"{_told(audit.width)}; {_told(audit.height)}"
    yield "smaller than the images made of them", f"{audit.enlarged:,}"
    yield "shapes", _listed(audit.shapes)
    yield "with transparent parts", f"{audit.transparent:,}"
    yield "training pictures of the largest class for one of the smallest", f"{audit.imbalance:.1f}"
    yield "sets of equal pictures", _doubles(audit.equal)
    yield "moved, so that equal ones are in one split", f"{audit.moved:,}"
    yield "pairs that look alike", _doubles(audit.near)
    names = "; ".join(" = ".join(map(repr, same)) for same in audit.collisions)
    yield "names that other systems take for one", names or "0"


def _doubles(found: Doubles) -> str:
    return (
        f"{found.sets:,} ({found.across_splits:,} across splits, {found.across_classes:,} across "
        "classes)"
    )


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _told(spread: Spread) -> str:
    return f"{spread.least:,} to {spread.most:,}, half above {spread.median:,}"
