"""What is said of a job where SLURM does not answer; tests/end_to_end has a real one."""

from pathlib import Path

import pytest

from convnet import slurm


def test_without_scontrol_a_job_is_submitted_again_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container inside the job, say: nothing is guessed, and the line says what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not slurm.is_ending("12")
    assert slurm.requeue("12").startswith("job 12 is not put back into the queue")
    assert slurm.requeue("12").endswith("scontrol'): submit it again")
