"""The device of a training: what the machine has not is said before any work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NO_GPU = {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
ARGUMENTS = ("--prepared", "p", "--checkpoint", "c", "--metrics", "m", "--plots", "q")
BAD = [
    ("precision", "16-mixed", "no CUDA GPU on this machine (train.accelerator is 'auto')"),
    ("accelerator", "gpu", "no GPU on this machine: take auto or cpu"),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD)
def test_a_missing_gpu_ends_the_stage_at_its_start(
    key: str, value: str, message: str, tmp_path: Path
) -> None:
    """One line that names what was given and what to take; neither data nor store is looked at."""
    lines = (ROOT / "params.yaml").read_text().splitlines()
    lines = [f"  {key}: {value}" if line.startswith(f"  {key}:") else line for line in lines]
    (tmp_path / "params.yaml").write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.stages.train", *ARGUMENTS],
        cwd=tmp_path, env=os.environ | NO_GPU, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: train.{key} is {value!r}, and torch finds {message}")
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
