"""A checkout in which the commands of a page are run, as somebody who reads it would."""

import os
import re
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from benchmarks.running import free_port
from tests.documents.pages import Block, blocks
from tests.end_to_end.project import BIN, Project, checkout

SHELL = ("bash", "sh")
PATIENCE_S = 1800  # a page takes minutes; this ends one that hangs


def fresh(root: Path) -> Project:
    """Give a checkout with an entered environment; its digits are the tests' small recipe."""
    project = checkout(root)
    environment = root / ".venv"
    environment.mkdir()
    (environment / "bin").symlink_to(BIN)
    (environment / ".installed").touch()
    return replace(project, environment={**project.environment, "PYTHONPATH": str(root)})


def script(page: Path) -> str:
    """Every block of a page that is run, as one script that stops at the first failure."""
    parts = [_shell(block) for block in blocks(page) if is_run(block)]
    return "\n".join(("set -eo pipefail", *parts))


def is_run(block: Block) -> bool:
    return not block.reason and block.kind in {*SHELL, "python", "console"}


def run(project: Project, text: str) -> str:
    """Run a script, then end what it left in the background; gives what was printed."""
    first, second = free_port(), free_port()
    text = text.replace(":8000", f":{first}").replace(":8001", f":{second}")
    text = text.replace("--port 8001", f"--port {second}")
    environment = {**project.environment, "SERVING_PORT": str(first)}
    log = project.root.parent / "page.log"
    with log.open("w") as output:
        shell = subprocess.Popen(
            ["bash", "-c", text], cwd=project.root, env=environment,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            status = shell.wait(timeout=PATIENCE_S)
        finally:
            with suppress(ProcessLookupError):  # it left nothing in the background
                os.killpg(shell.pid, signal.SIGTERM)
            shell.wait()
    printed = log.read_text()
    assert status == 0, printed
    return printed


def _shell(block: Block) -> str:
    if block.kind == "python":
        return f"python - <<'END'\n{block.text}END"
    if block.kind == "console":
        return "\n".join(re.findall(r"^\$ (.+)$", block.text, re.MULTILINE))
    return block.text
