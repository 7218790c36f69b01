"""A store that cannot be used is one line that says what to do."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.tracking import store as tracking

ROOT = Path(__file__).parents[3]
OPEN = """
from pathlib import Path
from pipeline import command
from pipeline.tracking import store
command.run(lambda: store.open_store(Path()))
"""


def open_in_a_process(folder: Path) -> subprocess.CompletedProcess[str]:
    """MLflow keeps what it knows of a database for the life of a process."""
    return subprocess.run(
        [sys.executable, "-c", OPEN], cwd=folder, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_database_of_another_version_says_how_to_bring_it_here(store: tracking.Store) -> None:
    """Its content is left as it is."""
    database = store.root / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'bf29a5ff90ea'")
    before = database.read_bytes()
    done = open_in_a_process(store.root)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: the tracking store 'sqlite:///{database}': out-of-date")
    assert f"`mlflow db upgrade sqlite:///{database}`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert database.read_bytes() == before


@pytest.mark.soak
def test_a_locked_database_says_that_another_program_holds_it(store: tracking.Store) -> None:
    """After the time that sqlite waits for it; no screen of the library's own."""
    database = store.root / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        done = open_in_a_process(store.root)
    assert done.stderr == (
        f"error: the tracking store 'sqlite:///{database}': database is locked; another program "
        "holds it: end that one, or wait for it\n"
    )
