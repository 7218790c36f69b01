"""Fetch: the published files of the data set, verified, into data/raw."""

import os

from pipeline import stage
from pipeline.data import obtain, sources


def main(argv: list[str] | None = None) -> None:
    paths = stage.paths(__doc__, ("raw",), argv)
    data = stage.enter().data
    remote = sources.remote_files(data.dataset, sources.mirror_from(os.environ))
    obtain.obtain(paths.raw, data.dataset, remote, fallback=data.offline_fallback)


if __name__ == "__main__":
    stage.run(main)
