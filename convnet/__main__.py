"""convnet COMMAND …: find the command, check what it needs, pass it the arguments.

Exit status: the command's own; 1 for an error that the user can mend, 2 for a wrong call.
"""

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from convnet.commands import COMMANDS, PIPELINE, Command
from convnet.ownership import ForeignPackageError, check_ownership
from serving import __version__

_WRONG_CALL = 2
_OWN = ("contract", "convnet", "pipeline", "scoring", "serving")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what the user can mend stands in one line on standard error."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in {"-h", "--help", "help"}:
        sys.stdout.write(usage())
        return 0 if given else _WRONG_CALL
    if given[0] in {"-V", "--version"}:
        sys.stdout.write(f"convnet {__version__}\n")
        return 0
    if given[0] not in COMMANDS:
        known = ", ".join(COMMANDS)
        return _fail(f"{given[0]!r} is not a command; there are: {known}", _WRONG_CALL)
    return _command(given[0], given[1:])


def _command(name: str, arguments: list[str]) -> int:
    sys.argv = [f"convnet {name}", *arguments]  # what argparse calls the program
    _put_own_bin_first()
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime's, also in the stages
    try:
        check_ownership(_OWN)
        return _run(COMMANDS[name], arguments)
    except ForeignPackageError as error:
        return _fail(str(error), 1)
    except ModuleNotFoundError as error:
        return _missing(error, name, COMMANDS[name].extra)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        (
            "usage: convnet COMMAND [ARGUMENTS]",
            "",
            *lines,
            "",
            "`convnet COMMAND --help` lists a command's arguments.",
            "",
        )
    )


def _run(command: Command, arguments: list[str]) -> int:
    main = importlib.import_module(command.module).main
    if command.extra != PIPELINE:
        return int(main(arguments) or 0)
    from pipeline.errors import PipelineError  # noqa: PLC0415 -- absent from a serving machine

    try:
        return int(main(arguments) or 0)
    except PipelineError as error:
        return _fail(str(error), 1)


def _put_own_bin_first() -> None:
    """Let `python` and `dvc` be this environment's, whether it was activated or not."""
    own = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join((own, os.environ.get("PATH", os.defpath)))


def _missing(error: ModuleNotFoundError, name: str, extra: str) -> int:
    package = (error.name or "").partition(".")[0]
    if package in _OWN:
        raise error
    return _fail(
        f"`convnet {name}` needs the package of {package!r}, which is not installed: "
        f"pip install '.[{extra}]'",
        1,
    )


def _fail(text: str, status: int) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"error: {text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
