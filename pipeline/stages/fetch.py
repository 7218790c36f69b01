"""Fetch: the published files of the data set, verified, into data/raw."""

import argparse
import os
from pathlib import Path

from pipeline import stage
from pipeline.data import obtain, sources


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True)
    arguments = parser.parse_args(argv)
    data = stage.enter().data
    remote = sources.remote_files(data.dataset, sources.mirror_from(os.environ))
    obtain.obtain(arguments.raw, data.dataset, remote, fallback=data.offline_fallback)


if __name__ == "__main__":
    stage.run(main)
