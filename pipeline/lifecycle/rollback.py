"""Make the champion before this one the champion again."""

import argparse

from filelock import FileLock

from pipeline import command
from pipeline.lifecycle.errors import RefusedError
from pipeline.lifecycle.registry import Registry
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", help="registered model; needed where several have champions")
    chosen = parser.parse_args(argv)
    root = provenance.repository_root()
    with FileLock(root / ".promotion.lock"):
        store = tracking.answering(root)
        registry = Registry(store.client, store.uri)
        before, after = registry.roll_back(chosen.name or only_name(registry))
    print(f"rolled back: champion was {before}, and is {after}")  # noqa: T201 - a command's answer


def only_name(registry: Registry) -> str:
    """Raises RefusedError where it is not clear which model is meant."""
    names = registry.names_with_champion()
    if len(names) != 1:
        raise RefusedError(
            f"{len(names)} registered models have a champion ({', '.join(names) or 'none'}): "
            + ("say which, `make rollback NAME=…`" if names else "`make promote` makes the first")
        )
    return names[0]


if __name__ == "__main__":
    command.run(main)
