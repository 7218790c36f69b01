"""A warning that nobody can miss, for as long as the workspace holds the fallback data."""

import argparse
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

WIDTH = 78


class Held(Struct, frozen=True):
    """What data/raw/source.json and data/prepared/dataset.json both say."""

    name: str
    requested: str
    source: str


def fallback_box(held: Held, asked: tuple[str, ...] = ()) -> str:
    """The warning as lines of one width; `asked` are the addresses with their answers."""
    lines = (
        f"THIS IS NOT {held.requested.upper()}: data, model and metrics are of a stand-in.",
        "",
        f"No address gave {held.requested!r}, so the set of {held.name!r} that is embedded in",
        "scikit-learn (1,797 handwritten digits of 8x8 pixels) was taken instead.",
        "",
        *asked,
        *([""] if asked else []),
        "Try again:             make refetch",
        "From a mirror:         DATA_MIRROR=<directory or URL> make refetch",
        "Make it an error:      data.offline_fallback: null   (params.yaml)",
    )
    edge = "!" * WIDTH
    return "\n".join((edge, *(f"!! {line}".rstrip() for line in lines), edge))


def held_fallback(*descriptions: Path) -> Held | None:
    """The first description that exists and says that its data are a fallback's."""
    for path in descriptions:
        try:
            held = msgspec.json.decode(path.read_bytes(), type=Held)
        except (FileNotFoundError, msgspec.DecodeError):  # reading them as data is others' task
            continue
        if held.source == "fallback":
            return held
    return None


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, default=Path("data/raw"))
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"))
    folders = parser.parse_args(argv)
    held = held_fallback(folders.raw / "source.json", folders.prepared / "dataset.json")
    if held is not None:
        sys.stderr.write(f"\n{fallback_box(held)}\n")


if __name__ == "__main__":
    main()
