"""The SLURM job that this process is in: whether it ends before its work, and its way back."""

import os
import subprocess


def job() -> str | None:
    return os.environ.get("SLURM_JOB_ID")


def is_ending(number: str) -> bool:
    """Return whether the job was preempted, or its time is over.

    So it is not where somebody cancelled it, which SLURM announces by the same SIGTERM.
    """
    done = _scontrol("--oneliner", "show", "job", number)
    said = dict(word.split("=", 1) for word in done.stdout.split() if "=" in word)
    return said.get("Reason") == "TimeLimit" or said.get("PreemptTime", "None") != "None"


def requeue(number: str) -> str:
    """Ask for the job to be started again; return a line that says what came of it."""
    done = _scontrol("requeue", number)
    said = (done.stderr or done.stdout).strip()
    if done.returncode == 0 or "pending" in said:  # SLURM may have done so itself
        return f"job {number} is queued again"
    return f"job {number} is not put back into the queue ({said}): submit it again"


def _scontrol(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["scontrol", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
