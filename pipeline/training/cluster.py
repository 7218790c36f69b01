"""Where the processes of a training come from: Lightning, torchrun, srun, or a job that has srun.

Inside a SLURM job the stage becomes the srun that starts it on every node, so that one command,
`convnet repro`, is all that a job file runs.
"""

import ctypes
import os
import signal
import sys

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from pipeline.errors import PipelineError

PR_SET_PDEATHSIG = 1  # prctl(2)
PAGE = "docs/how-to/cluster.md"


class ClusterError(PipelineError, ValueError):
    """The parameters ask for other processes than there are."""


def environment() -> ClusterEnvironment:
    """Return what Lightning reads ranks and addresses from, without its handlers and hints."""
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    if _in_step():
        return SLURMEnvironment(auto_requeue=False)
    return LightningEnvironment()


def starts_processes() -> bool:
    """Whether nobody else has started this process as one of several."""
    return isinstance(environment(), LightningEnvironment)


def check(*, devices: int, num_nodes: int) -> None:
    """Raise ClusterError where so many processes on so many machines will not be."""
    wanted = devices * num_nodes
    asked = f"train.devices {devices} on train.num_nodes {num_nodes} are {wanted} processes"
    if TorchElasticEnvironment.detect():
        _compare(
            asked, wanted, os.environ["WORLD_SIZE"], "torchrun has started", "--nproc-per-node"
        )
    elif _in_step():
        _compare(asked, wanted, os.environ["SLURM_STEP_NUM_TASKS"], "srun has started", "--ntasks")
    elif _tasks() > 1 and wanted > 1:
        _compare(asked, wanted, os.environ["SLURM_NTASKS"], "the job has", "--ntasks-per-node")
    elif num_nodes > 1:
        raise ClusterError(
            f"{asked}, and neither torchrun nor a SLURM job with as many tasks has started this: "
            f"{PAGE} says how"
        )


def _compare(asked: str, wanted: int, found: str, who: str, option: str) -> None:
    if int(found) != wanted:
        raise ClusterError(
            f"{asked}, and {who} {found}: change the parameters or {option} ({PAGE})"
        )


def needs_srun(*, devices: int, num_nodes: int) -> bool:
    """Whether this process is a job's only one so far, and should be one in each of its tasks."""
    outside = not (TorchElasticEnvironment.detect() or _in_step())
    return outside and _tasks() > 1 and devices * num_nodes > 1


def become_srun(*, devices: int, num_nodes: int) -> None:
    """Replace this process by srun with the same command; it passes signals to its tasks.

    srun ends with the process that started this one, as the stage itself would.
    """
    command = ["srun", f"--nodes={num_nodes}", f"--ntasks-per-node={devices}", "--kill-on-bad-exit"]
    if cores := os.environ.get("SLURM_CPUS_PER_TASK"):
        command.append(f"--cpus-per-task={cores}")
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execvp(command[0], [*command, sys.executable, *sys.orig_argv[1:]])  # noqa: S606


def _in_step() -> bool:
    """Whether srun started this process: the batch script of a job has no step's number."""
    return "SLURM_STEP_ID" in os.environ and "SLURM_PROCID" in os.environ


def _tasks() -> int:
    return int(os.environ.get("SLURM_NTASKS", "1"))
