"""What git says of the current folder: commit, branch, what differs; and when it refuses to say."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

REFUSAL = (
    "dubious ownership"  # in git's words; a folder of another user, as one mounted in a container
)
# DVC rewrites these while a stage runs: they say nothing about the code or the parameters.
WRITTEN_BY_DVC = ("dvc.lock", "metrics/", "plots/", "params.yaml")
CODE = ("contract", "pipeline", "mynets")  # folders: all code that a training reaches


@dataclass(frozen=True)
class Answer:
    """None where git has no answer: no repository, no commit, no git, or a refusal."""

    text: str | None
    refused: bool = False


def ask(*arguments: str) -> Answer:
    """Git's answer, without the final newline."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and names of files
            ["git", *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return Answer(None)
    if done.returncode != 0:
        return Answer(None, refused=REFUSAL in done.stderr)
    return Answer(done.stdout.removesuffix("\n"))


def commit() -> Answer:
    return ask("rev-parse", "--verify", "HEAD")


def branch() -> str | None:
    """None on a detached head, as in `dvc exp run --temp`."""
    return ask("symbolic-ref", "--short", "HEAD").text


def committed(file: Path) -> str | None:
    """The content of a file, relative to the working directory, at HEAD."""
    return ask("show", f"HEAD:./{file.as_posix()}").text


def modified() -> list[str]:
    """Tracked files in this folder that differ from HEAD, relative to it."""
    return _names(ask("diff", "--name-only", "--relative", "-z", "HEAD", "--", "."))


def code_differs() -> bool:
    """Whether a tracked file is modified, or code is there that is not tracked.

    A scratch file that is not tracked made nothing of the result, nor did what DVC rewrites.
    """
    if any(not name.startswith(WRITTEN_BY_DVC) for name in modified()):
        return True
    new = _names(ask("ls-files", "--others", "--exclude-standard", "-z", "--", *CODE))
    return any(name.endswith(".py") for name in new)


def _names(answer: Answer) -> list[str]:
    return [name for name in (answer.text or "").split("\0") if name]
