"""Several processes train one net together, with nothing of Lightning's own injected."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "two_processes.py"
TIME_LIMIT_S = 240  # for a deadlock to be distinguished from a slow machine


def run(folder: Path, *, devices: int = 2, epochs: int = 6, resume: str = "") -> list[Any]:
    """Return what each process reported, in order of rank."""
    folder.mkdir()
    arguments: list[str | Path] = [ROOT / "params.yaml", folder, str(devices), str(epochs), resume]
    subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        check=True, timeout=TIME_LIMIT_S,
    )  # fmt: skip
    return [json.loads(path.read_text()) for path in sorted(folder.glob("process-*.json"))]


@pytest.mark.soak_all
def test_two_processes(tmp_path: Path) -> None:
    """Equal weights in both, each image once an epoch, the accuracy of one process."""
    first, second = run(tmp_path / "two")
    (alone,) = run(tmp_path / "one", devices=1)
    assert first["weights"] == second["weights"]
    assert first["curves"] == second["curves"]
    for epoch, images in enumerate(alone["seen"]):
        assert sorted(first["seen"][epoch] + second["seen"][epoch]) == sorted(images)
    accuracies = [result["curves"][-1]["val_accuracy"] for result in (first, alone)]
    assert accuracies == pytest.approx([accuracies[1]] * 2, abs=0.04)
    assert min(accuracies) > 0.85


@pytest.mark.soak
def test_two_processes_resume(tmp_path: Path) -> None:
    """From the checkpoint of the first of two epochs: no deadlock, and the same bytes."""
    whole = run(tmp_path / "whole", epochs=2)
    kept = tmp_path / "whole" / "kept"
    assert sorted(path.name for path in kept.iterdir()) == ["epoch=0.ckpt", "epoch=1.ckpt"]
    resumed = run(tmp_path / "resumed", epochs=2, resume=str(kept / "epoch=0.ckpt"))
    assert [result["weights"] for result in resumed] == [result["weights"] for result in whole]
    assert resumed[0]["curves"] == whole[0]["curves"]


@pytest.mark.skipif(torch.cuda.device_count() < 1, reason="no CUDA device on this machine")
def test_gpu_graph_trains_as_eager_does(tmp_path: Path) -> None:
    """A captured step ends near the eager one, twice in the same bytes, streamed or not."""
    code = (ROOT / "tests" / "pipeline" / "gpu_training.py").read_text()
    done = subprocess.run(
        [sys.executable, "-c", code, ROOT / "params.yaml", tmp_path],
        cwd=ROOT, check=True, timeout=TIME_LIMIT_S, capture_output=True, text=True,
    )  # fmt: skip
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["graphs"] == 2
    assert result["twice"] is True
    assert result["streamed"] is True
    assert abs(result["graph_accuracy"] - result["eager_accuracy"]) < 0.03
