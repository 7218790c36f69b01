"""The training benchmark runs with torch, lightning and what reads the configuration alone."""

import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
ABSENT = ["mlflow", "dvc", "onnx", "sklearn", "psutil", "filelock"]


@pytest.mark.soak_all
def test_on_a_bare_machine(tmp_path: Path) -> None:
    """Every contestant but torch.compile runs, and the ratios are written down."""
    for name, count in (("train", 300), ("t10k", 10)):
        pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        images = struct.pack(">IIII", 2051, count, 28, 28) + pixels.tobytes()
        labels = struct.pack(">II", 2049, count) + bytes(place % 10 for place in range(count))
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (tmp_path / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    options = ["--mnist", str(tmp_path), "--to", str(tmp_path / "out.json"), "--images", "300"]
    options += ["--rounds", "1", "--epochs", "2", "--workers", "0", "--no-compile"]
    options += ["--threads", "1", "--batch-size", "64"]
    hidden = f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r}))"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    command = [sys.executable, "-m", "benchmarks.training", *options]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    subprocess.run(command, cwd=ROOT, check=True, env=environment)
    result = json.loads((tmp_path / "out.json").read_text())
    assert len(result["median_seconds"]) == 7
    assert all(ratio > 0 for ratio in result["ratios"].values())
