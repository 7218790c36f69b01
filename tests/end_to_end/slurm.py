"""A SLURM of one node on loopback, of Debian's own programs: munged, slurmctld and slurmd."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.running import free_port
from tests.end_to_end.project import wait_for
from tests.required import lacking

REQUIRED_BY = "REQUIRE_SLURM"
PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "sinfo")
CONFIGURATION = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=8
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2
MinJobAge=300
KillWait=20
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF
"""


@dataclass(frozen=True)
class Slurm:
    """A running cluster, by the file that its commands read."""

    configuration: Path

    @property
    def variables(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.configuration)}

    def run(self, *command: str, folder: Path, environment: dict[str, str]) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment | self.variables, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stdout)
        return done.stdout.strip()

    def job(self, number: str) -> dict[str, str]:
        """Return what SLURM says of a job, by its own names: JobState, Restarts and so on."""
        said = self.run("scontrol", "--oneliner", "show", "job", number, folder=Path("/"),
                        environment=dict(os.environ))  # fmt: skip
        return dict(word.split("=", 1) for word in said.split() if "=" in word)

    def is_over(self, number: str) -> bool:
        """Whether the job, or every task of the array, has left the queue."""
        listed = ("squeue", "--noheader", "--jobs", number)
        return not self.run(*listed, folder=Path("/"), environment=dict(os.environ))


@contextmanager
def slurm() -> Iterator[Slurm]:
    """Give a cluster whose node is idle, and end its daemons with the block.

    Skips where it cannot be; with REQUIRE_SLURM=1 it fails.
    """
    search = f"{os.environ['PATH']}:/usr/sbin"
    found = {name: shutil.which(name, path=search) for name in PROGRAMS}
    if missing := [name for name, path in found.items() if path is None]:
        lacking(
            f"SLURM is not on PATH ({', '.join(missing)}): apt-get install slurm-wlm",
            required_by=REQUIRED_BY,
        )
    if os.getuid() != 0:
        lacking("SLURM's daemons start as root here", required_by=REQUIRED_BY)
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-"))
        folder = Path(name)  # short: munge's socket lies in it
        folder.chmod(0o755)
        configuration = _write(folder)
        for daemon in _daemons(folder, configuration):
            stack.enter_context(_running(str(found[daemon[0]]), *daemon[1:]))
            if daemon[0] == "munged":
                wait_for((folder / "munge.socket").exists)
        made = Slurm(configuration)
        wait_for(lambda: _is_idle(made))
        try:
            yield made
        finally:
            _end_jobs(made)


def _write(folder: Path) -> Path:
    host = socket.gethostname().partition(".")[0]
    ports = {"controller_port": free_port(), "node_port": free_port()}
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, host=host, **ports))
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    return configuration


def _daemons(folder: Path, configuration: Path) -> list[list[str]]:
    subprocess.run(["/usr/sbin/mungekey", "--create", f"--keyfile={folder}/key"], check=True)
    places = {"socket": "munge.socket", "key-file": "key", "pid-file": "pid", "log-file": "log",
              "seed-file": "seed"}  # fmt: skip
    munged = [f"--{option}={folder}/{name}" for option, name in places.items()]
    return [
        ["munged", "--foreground", "--force", *munged],
        ["slurmctld", "-D", "-f", str(configuration)],
        ["slurmd", "-D", "-f", str(configuration)],
    ]


@contextmanager
def _running(*command: str) -> Iterator[None]:
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


def _is_idle(made: Slurm) -> bool:
    return _said(made, "sinfo", "--noheader", "--format=%T") == "idle"


def _end_jobs(made: Slurm) -> None:
    """Leave none behind where a test has failed: they would outlive the daemons."""
    _said(made, "scancel", "--me", "--full", "--signal=KILL")
    _said(made, "scancel", "--me")
    wait_for(lambda: not _said(made, "squeue", "--noheader"))


def _said(made: Slurm, *command: str) -> str:
    done = subprocess.run(
        command, env=os.environ | made.variables, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
