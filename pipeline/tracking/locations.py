"""Where a local store keeps artifacts: MLflow writes whole paths, and a checkout may be renamed.

A copied checkout has a store of its own, so that both are mended in the same way.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

ARTIFACTS = "mlartifacts"
EXPERIMENTS = (("experiments", "artifact_location"),)
OLDER = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def relocate(database: Path, root: Path) -> str | None:
    """Let all that lay below another root lie below `root`; returns a line where something did.

    Artifacts that were left behind in the other folder stay known there.
    """
    here = root.as_uri()
    with closing(sqlite3.connect(database)) as connection, connection:
        for there in _roots(connection) - {here}:
            old = Path(unquote(urlsplit(there).path))
            left_behind = (old / ARTIFACTS).is_dir() and not (root / ARTIFACTS).is_dir()
            places = EXPERIMENTS if left_behind else (*EXPERIMENTS, *OLDER)
            moved = sum(_move(connection, *place, there, here) for place in places)
            return (
                f"note: this store was in {old}; {moved} places of artifacts now lie in "
                f"{root / ARTIFACTS}"
            )
    return None


def _roots(connection: sqlite3.Connection) -> set[str]:
    found = connection.execute("SELECT artifact_location FROM experiments").fetchall()
    mark = f"/{ARTIFACTS}/"
    return {
        place.rpartition(mark)[0]
        for (place,) in found
        if place and place.startswith("file://") and mark in place
    }


def _move(connection: sqlite3.Connection, table: str, column: str, there: str, here: str) -> int:
    prefix = f"{there}/{ARTIFACTS}/"
    # the names are this module's own; values go as parameters
    update = (
        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"  # noqa: S608
    )
    given = (here, len(there) + 1, len(prefix), prefix)
    return connection.execute(update, given).rowcount
