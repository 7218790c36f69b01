"""Real `python -m scoring` processes, their rows and their summaries."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """A job that has ended."""

    status: int
    out: str
    err: str
    output: Path  # meaningless for a bucket

    @property
    def table(self) -> pa.Table:
        """All rows, by path; parts alone, as a reader of the folder sees them."""
        return pq.read_table(self.output).sort_by("path")

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["path"]: row for row in self.table.to_pylist()}

    @property
    def summary(self) -> Any:  # noqa: ANN401 -- JSON
        return json.loads((self.output / "_summary.json").read_text())

    @property
    def parts(self) -> dict[str, int]:
        """Of each its time of writing."""
        return {path.name: path.stat().st_mtime_ns for path in self.output.glob("*.parquet")}


def start(
    source: object, output: Path | str, *arguments: str, folder: Path = ROOT, **variables: str
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scoring", str(source), str(output), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def score(
    source: object, output: Path | str, *arguments: str, folder: Path = ROOT, **variables: str
) -> Done:
    process = start(source, output, *arguments, folder=folder, **variables)
    out, err = process.communicate(timeout=300)
    return Done(process.returncode, out, err, Path(output))


def scored(
    source: object, output: Path | str, *arguments: str, folder: Path = ROOT, **variables: str
) -> Done:
    """Expect success."""
    done = score(source, output, *arguments, folder=folder, **variables)
    assert done.status == 0, done.err
    return done


def picture(seed: int, side: int = 28) -> bytes:
    """A PNG of noise, grey."""
    levels = np.random.default_rng(seed).integers(0, 256, (side, side)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue()


def pictures(folder: Path, count: int, *, classes: int = 2) -> Path:
    """So many files, below folders that are called as classes."""
    for number in range(count):
        path = folder / str(number % classes) / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    return folder


def pixels(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(1, 1, H, W), of a file that `picture` made."""
    return np.asarray(Image.open(path))[None, None]
