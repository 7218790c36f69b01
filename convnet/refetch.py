"""convnet refetch: ask the addresses of the data set once more, then run what changed."""

import argparse
from collections.abc import Sequence

from convnet import repro


def main(arguments: Sequence[str]) -> int:
    """Return the exit status of `convnet repro`."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    return repro.reproduce(["--force", "--single-item", "fetch"]) or repro.main([])
