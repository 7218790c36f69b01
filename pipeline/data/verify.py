"""Compare every byte of the prepared arrays with dataset.json: `python -m pipeline.data.verify`."""

import argparse
import sys
from pathlib import Path

from pipeline.data import arrays
from pipeline.errors import PipelineError


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"))
    folder = parser.parse_args(argv).prepared
    try:
        prepared = arrays.load(folder, thorough=True)
    except PipelineError as error:
        sys.exit(f"error: {error}")
    for name, split in prepared.splits():
        sys.stdout.write(f"{folder}: {len(split):,} {name} images are what dataset.json says\n")


if __name__ == "__main__":
    main()
