"""As many processes as the parameters say, or one line before any work."""

import pytest
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from pipeline.training import cluster
from pipeline.training.cluster import ClusterError

TORCHRUN = {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "4", "RANK": "0"}
BATCH = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}
STEP = BATCH | {
    "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_NTASKS_PER_NODE": "4",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither torchrun nor SLURM, whatever runs these tests."""
    for name in {*TORCHRUN, *STEP}:
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "devices", "num_nodes", "words"),
    [
        (TORCHRUN, 2, 1, "torchrun has started 4: change the parameters or --nproc-per-node"),
        (STEP, 1, 2, "srun has started 4: change the parameters or --ntasks"),
        (BATCH, 4, 2, "are 8 processes, and the job has 4"),
        ({}, 1, 2, "neither torchrun nor a SLURM job"),
    ],
)
def test_other_processes_than_there_are(
    variables: dict[str, str], devices: int, num_nodes: int, words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Both numbers, and where to change them; Lightning would wait for the missing ones."""
    given(monkeypatch, variables)
    with pytest.raises(ClusterError, match=words):
        cluster.check(devices=devices, num_nodes=num_nodes)


@pytest.mark.parametrize(
    ("variables", "kind", "by_srun"),
    [
        ({}, LightningEnvironment, False),
        (TORCHRUN, TorchElasticEnvironment, False),
        (TORCHRUN | STEP, TorchElasticEnvironment, False),
        (BATCH, LightningEnvironment, True),
        (STEP, SLURMEnvironment, False),
    ],
)
def test_who_starts_the_processes(
    variables: dict[str, str], kind: type, by_srun: bool, monkeypatch: pytest.MonkeyPatch,  # noqa: FBT001 - a row of a table
) -> None:  # fmt: skip
    """A job's batch script is not one of its tasks: there the stage becomes srun."""
    given(monkeypatch, variables)
    cluster.check(devices=4, num_nodes=1)
    assert type(cluster.environment()) is kind
    assert cluster.needs_srun(devices=4, num_nodes=1) == by_srun
    assert not cluster.needs_srun(devices=1, num_nodes=1)
