"""Run `convnet` as a user does: a process of its own, without an activated environment."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def convnet(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the console command with a PATH that has no trace of this environment."""
    bare = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "HOME": str(cwd)}
    return subprocess.run(
        [sys.executable, "-P", "-c", "import sys, convnet.__main__ as c; sys.exit(c.main())",
         *arguments],
        cwd=cwd, env=bare | variables, capture_output=True, text=True, check=False,
        errors="surrogateescape",
    )  # fmt: skip
