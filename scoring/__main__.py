"""Score pictures into Parquet: those of a folder, a pattern, a list, a table or a bucket.

OUTPUT becomes a folder of Parquet parts, one row for each picture whatever it holds, and a
_summary.json. The same command after Ctrl-C, a kill or a crash goes on; with another model it
starts anew. (docs/how-to/score.md)
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from scoring import summary, tracking
from scoring.errors import ScoringRefused
from scoring.run import Asked, run

_SLICE = 2048
_FAILED, _STOPPED = 1, 128  # exit statuses; the second plus the signal's number
_POLL_S = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, also where pictures have errors: they stand in OUTPUT; 1 for what can be mended."""
    chosen = _parser().parse_args(arguments)
    asked = Asked(
        source=chosen.input,
        output=chosen.output,
        model=chosen.model,
        column=chosen.column,
        labels=chosen.labels,
        workers=chosen.workers,
        slice_pictures=chosen.slice,
        ray=chosen.ray,
    )
    status: list[int] = []
    thread = threading.Thread(
        target=lambda: status.append(_scored(asked, track=chosen.mlflow)), daemon=True
    )
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    thread.start()
    while thread.is_alive():  # signals are for this thread, which waits for nothing else
        thread.join(_POLL_S)
    _leave(status[0] if status else _FAILED)
    return status[0] if status else _FAILED


def _scored(asked: Asked, *, track: bool) -> int:
    try:
        found = run(asked, _say)
    except ScoringRefused as error:
        _say(f"error: {error}")
        return _FAILED
    except Exception as error:  # noqa: BLE001 -- an engine's own; what is done stays done
        text = " ".join(f"{type(error).__name__}: {error}".split())
        _say(f"error: the job ended early ({text[:1000]}); the same command goes on")
        return _FAILED
    for line in summary.lines(found):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"in {found['output']}: {found['parts']} parts and _summary.json\n")
    sys.stdout.flush()
    return tracking.start(found, _say) if track else 0


def _stop(number: int, _: object) -> None:
    """Workers end with this process; what they have not renamed is not there."""
    with suppress(OSError):
        name = signal.Signals(number).name
        os.write(2, f"\nstopped ({name}): finished parts stay, the same command goes on\n".encode())
    os._exit(_STOPPED + number)


def _leave(status: int) -> None:
    """Without waiting for threads of the engine, which outlive a failed plan."""
    sys.stdout.flush()
    sys.stderr.flush()
    if status:
        os._exit(status)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="a folder, a pattern in quotes, a list of paths (.txt, - for standard input), a "
        "Parquet file or folder with --column; also s3:// and gs://",
    )
    parser.add_argument("output", metavar="OUTPUT", help="a new folder, or an earlier try's")
    parser.add_argument(
        "--model",
        default="models/model.onnx",
        help="an ONNX file, an address of one, or models:/NAME@ALIAS; default: %(default)s",
    )
    parser.add_argument(
        "--column", help="of a Parquet INPUT: paths, URLs, or the pictures' files themselves"
    )
    parser.add_argument(
        "--labels",
        help="a column with the true classes, or `folder`: each picture's folder is called so",
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="run on this Ray cluster: HOST:PORT")
    parser.add_argument(
        "--workers", type=_count, default=0, help="processes; default: one for each core"
    )
    parser.add_argument(
        "--slice",
        type=_count,
        default=_SLICE,
        help="pictures of a part at most: what is scored again after a kill; default: %(default)s",
    )
    parser.add_argument(
        "--mlflow", action="store_true", help="log the summary as an evaluation run of MLflow"
    )
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 20):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
