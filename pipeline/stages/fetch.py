"""Fetch: the published files of the data set, verified, into data/raw."""

import os

from pipeline import command
from pipeline.data import obtain, sources


def main(argv: list[str] | None = None) -> None:
    paths = command.paths(__doc__, ("raw",), argv)
    params, given = command.enter()
    data = params.data
    remote = sources.remote_files(data.dataset, sources.mirror_from(os.environ))
    obtain.obtain(paths.raw, data.dataset, remote, fallback=data.offline_fallback)
    given.check()


if __name__ == "__main__":
    command.run(main)
