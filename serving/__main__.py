"""python -m serving: read the settings, take the port, serve in one process or in several."""

import importlib.util
import logging
import os
import resource
import socket
import sys

from serving.counts.sheet import Recorder, Sheet
from serving.errors import HANGS, SettingsRefused
from serving.keys import keys_of
from serving.models.mirror import Mirror, mirrored
from serving.operations.lines import Lines, LinesHandler
from serving.settings import Settings, read
from serving.watch.inbox import inbox_of
from serving.workers import Supervisor

_REFUSED = 2  # exit status, as argparse's
_BACKLOG = 2048
_LAST_LINES_S = 1.0  # how long the end waits for a slow reader of the log


def main(arguments: list[str]) -> int:
    """Return the exit status; what is wrong stands in one line on standard error."""
    log = Lines(sys.__stderr__.fileno() if sys.__stderr__ else 2)
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s",
        level=logging.INFO,
        handlers=[LinesHandler(log)],
    )
    if sys.platform != "linux":
        sys.stderr.write(f"error: the server runs on Linux only, and this is {sys.platform}\n")
        return _REFUSED
    try:
        settings = read(arguments, os.environ)
        keys_of(settings.api_key, settings.api_key_file)  # a bad file is refused before the start
        sheet = Sheet(settings.workers)
        if (inbox := inbox_of(settings, Recorder(sheet, 0))) is not None:
            inbox.open()
        bound = _listen(settings.host, settings.port, settings.workers)
        reserved = _reserved(settings.host, settings.grpc_port)
        settings, mirror = mirrored(settings)
    except (SettingsRefused, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return _REFUSED
    _allow_many_connections()
    try:
        return _serve(settings, bound, reserved, sheet, mirror, log)
    finally:
        log.close(_LAST_LINES_S)
        if mirror is not None:
            mirror.remove()


def _serve(  # noqa: PLR0913, PLR0917 -- what was made before the start
    settings: Settings,
    bound: list[socket.socket],
    reserved: socket.socket | None,
    sheet: Sheet,
    mirror: Mirror | None,
    log: Lines,
) -> int:
    def work(shared: socket.socket, recorder: Recorder, supervisor: int | None) -> int:
        """Run one worker; its heavy imports come here, so that the supervisor stays small."""
        dropped = recorder.counter("log_lines_dropped_total")
        log.begin(dropped.add, is_shared=settings.workers > 1)
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy only adds up here
        # onnxruntime reads it when it is imported: else it sends reports, and keeps them at home
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import uvloop  # noqa: PLC0415 -- see above

        from serving.server import Place, run  # noqa: PLC0415 -- see above

        try:
            place = Place(shared, log, recorder, supervisor, mirror, reserved)
            return uvloop.run(run(settings, place))
        finally:
            log.close(_LAST_LINES_S)

    if settings.workers == 1:
        return work(bound[0], Recorder(sheet, 0), None)
    return Supervisor(work, bound, sheet, settings.heartbeat).run()


def _listen(host: str, port: int, workers: int) -> list[socket.socket]:
    """Open one socket for each worker, all on one port: the kernel spreads connections evenly.

    The first try is for the port alone, so that a second server on it is noticed.
    """
    try:
        alone = _socket(host, port)
        if workers == 1:
            return [alone]
        found = alone.getsockname()[1]
        alone.close()
        return [_socket(host, found, shared=True) for _ in range(workers)]
    except OSError as error:
        raise OSError(f"cannot listen on {host!r} port {port}: {error.strerror}") from None


def _reserved(host: str, port: int) -> socket.socket | None:
    """Keep the port on which the workers' gRPC servers will listen by themselves; None: no gRPC."""
    if port < 0:
        return None
    if importlib.util.find_spec("grpc") is None:
        raise SettingsRefused("--grpc-port needs grpcio: install the extra 'grpc'")
    try:
        with _silent(host, port) as alone:
            found = alone.getsockname()[1]
        return _silent(host, found, shared=True)
    except OSError as error:
        raise OSError(f"cannot listen on {host!r} port {port}: {error.strerror}") from None


def _silent(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Bind without listening, so that nobody is connected to this socket."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if host == "::":
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    bound.bind((host, port))
    return bound


def _socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Listen; `::` stands for every address of both families."""
    both = host == "::" and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server(
        (host, port), family=family, backlog=_BACKLOG, reuse_port=shared, dualstack_ipv6=both
    )


def _allow_many_connections() -> None:
    """Take as many file descriptors as the system grants: a connection needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    if ended == HANGS:
        os._exit(ended)  # the interpreter's own end would wait for that run, or abort
    sys.exit(ended)
