"""The same plan on two Ray nodes of loopback: both work, and the rows are the embedded ones."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scoring.jobs import pictures, score, scored

pytestmark = pytest.mark.soak_all

HEAD, SECOND = "127.0.0.2", "127.0.0.3"  # Ray puts the machine's own address for 127.0.0.1
PICTURES = 600


def ray(*arguments: str, folder: Path) -> None:
    """Outside the checkout: the nodes get our code from the job."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    quiet = {"RAY_AUTH_MODE": "disabled", "RAY_DISABLE_IMPORT_WARNING": "1"}
    subprocess.run(
        ["ray", *arguments], cwd=folder, env={**own, **quiet}, check=True, timeout=120,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two nodes of one core each; ports of workers are apart, and below those of others."""
    folder = tmp_path_factory.mktemp("r")
    with socket.socket() as probe:
        probe.bind((HEAD, 0))
        port = probe.getsockname()[1]
    small = ("--num-cpus", "1", "--object-store-memory", "100000000", "--disable-usage-stats")
    head = ("--node-ip-address", HEAD, "--port", str(port), "--include-dashboard=false")
    ranges = [("--min-worker-port", low, "--max-worker-port", high)
              for low, high in (("20000", "20999"), ("21000", "21999"))]  # fmt: skip
    temporary = ("--temp-dir", f"/tmp/ray-{port}")  # noqa: S108 -- its sockets' paths must be short
    try:
        ray("start", "--head", *head, *small, *ranges[0], *temporary, folder=folder)
        join = ("--address", f"{HEAD}:{port}", "--node-ip-address", SECOND)
        ray("start", *join, *small, *ranges[1], folder=folder)
        yield f"{HEAD}:{port}"
    finally:
        ray("stop", "--force", folder=folder)


def test_both_nodes_score(cluster: str, model: Path, tmp_path: Path) -> None:
    """A table of relative paths, too: workers start from where the job was started."""
    folder = pictures(tmp_path / "pictures", PICTURES)
    options = ("--model", str(model), "--slice", "40")
    on_ray = (*options, "--ray", cluster)
    done = scored(folder, tmp_path / "out", *on_ray, RAY_AUTH_MODE="disabled")
    by_node = done.summary["pictures_by_node"]
    assert set(by_node) == {HEAD, SECOND}
    assert sum(by_node.values()) == PICTURES
    assert min(by_node.values()) >= PICTURES / 5
    embedded = scored(folder, tmp_path / "embedded", *options)
    assert done.table.equals(embedded.table)
    assert set(done.parts) == set(embedded.parts)
    again = scored(folder, tmp_path / "out", *on_ray, RAY_AUTH_MODE="disabled")
    assert again.summary["scored_now"] == 0
    (tmp_path / "list.txt").write_text("pictures/0/00000.png\n")
    one = tmp_path / "one"
    relative = scored("list.txt", one, *on_ray, folder=tmp_path, RAY_AUTH_MODE="disabled")
    assert relative.rows["pictures/0/00000.png"]["error"] is None


def test_a_cluster_that_is_not_there_is_said_in_a_line(model: Path, tmp_path: Path) -> None:
    """And nothing is scored."""
    folder = pictures(tmp_path / "pictures", 1)
    options = ("--model", str(model), "--ray", f"{HEAD}:9")
    done = score(folder, tmp_path / "out", *options, RAY_AUTH_MODE="disabled")
    assert done.status == 1
    assert f"error: --ray '{HEAD}:9' cannot be reached" in done.err
    assert not done.parts
