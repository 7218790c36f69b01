"""python -m serving: read the settings, take the port, serve in one process or in several."""

import logging
import os
import resource
import socket
import sys

from serving.errors import SettingsRefused
from serving.lifecycle.inbox import inbox_of
from serving.lifecycle.mirror import Mirror, mirrored
from serving.operations.metrics import Recorder, Sheet
from serving.settings import Settings, read
from serving.workers import Supervisor

_REFUSED = 2  # exit status, as argparse's
_BACKLOG = 2048


def main(arguments: list[str]) -> int:
    """Return the exit status; what is wrong stands in one line on standard error."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    try:
        settings = read(arguments, os.environ)
        sheet = Sheet(settings.workers)
        if (inbox := inbox_of(settings, Recorder(sheet, 0))) is not None:
            inbox.open()
        bound = _listen(settings.host, settings.port, settings.workers)
        settings, mirror = mirrored(settings)
    except (SettingsRefused, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return _REFUSED
    _allow_many_connections()
    try:
        return _serve(settings, bound, sheet, mirror)
    finally:
        if mirror is not None:
            mirror.remove()


def _serve(
    settings: Settings, bound: list[socket.socket], sheet: Sheet, mirror: Mirror | None
) -> int:
    def work(shared: socket.socket, recorder: Recorder, lifeline: int | None) -> int:
        return _work(settings, shared, recorder, lifeline, mirror)

    if settings.workers == 1:
        return work(bound[0], Recorder(sheet, 0), None)
    return Supervisor(work, bound, sheet).run()


def _listen(host: str, port: int, workers: int) -> list[socket.socket]:
    """Open one socket for each worker, all on one port: the kernel spreads connections evenly.

    The first try is for the port alone, so that a second server on it is noticed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        alone = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        if workers == 1:
            return [alone]
        found = alone.getsockname()[1]
        alone.close()
        return [
            socket.create_server((host, found), family=family, backlog=_BACKLOG, reuse_port=True)
            for _ in range(workers)
        ]
    except OSError as error:
        raise OSError(f"cannot listen on {host!r} port {port}: {error.strerror}") from None


def _allow_many_connections() -> None:
    """Take as many file descriptors as the system grants: a connection needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _work(
    settings: Settings,
    bound: socket.socket,
    recorder: Recorder,
    lifeline: int | None,
    mirror: Mirror | None,
) -> int:
    """Run one worker; the heavy imports come here, so that the supervisor stays small."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy only adds up here
    import uvloop  # noqa: PLC0415 -- see above

    from serving.server import Place, run  # noqa: PLC0415 -- see above

    return uvloop.run(run(settings, Place(bound, recorder, lifeline, mirror)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
