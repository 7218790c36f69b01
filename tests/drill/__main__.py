"""A fire drill: what must not hurt a live server is done to it, and the answers are checked.

python -m tests.drill URL, in a checkout: prints what came back, exits 1 on any deviation.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from operator import attrgetter

from tests.drill import bodies, crowd, doors, wire
from tests.drill.bodies import Blow
from tests.drill.client import Answer, DrillError, Subject, Target, read_answer
from tests.drill.crowd import Finding

FAULT, DEVIATION = 2, 1
ERROR_FROM = 400


def main(arguments: list[str]) -> int:
    """Return 0 when everything came back as stated, 1 when not, 2 when it could not be asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("url", help="where the server listens: http://127.0.0.1:8000")
    parser.add_argument("--api-key", default=os.environ.get("SERVING_API_KEY", ""))
    parser.add_argument(
        "--patience",
        type=float,
        default=75.0,
        help="seconds within which slow senders must be closed",
    )
    options = parser.parse_args(arguments)
    try:
        subject = Subject.behind(Target.at(options.url, key=options.api_key))
    except (DrillError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return FAULT
    sys.stdout.write(_line("no", "done to the server", "expected", "came back", "") + "\n")
    wrong = 0
    for finding in drill(subject, options.patience):
        wrong += not finding.is_right
        mark = "ok" if finding.is_right else "WRONG"
        row = _line(str(finding.item), finding.what, finding.expected, finding.found, mark)
        sys.stdout.write(row + "\n")
        sys.stdout.flush()
    sys.stdout.write(
        f"{wrong} deviations. Items 9 and 10 (signals, model files) need the process\n"
    )
    sys.stdout.write("itself: tests/serving/test_lifecycle.py and test_workers.py do them.\n")
    return DEVIATION if wrong else 0


def drill(subject: Subject, patience_s: float) -> Iterator[Finding]:
    """Do everything, the slow senders beside the rest; after each blow the server must be well."""
    with ThreadPoolExecutor(3) as pool:
        dawdlers = [pool.submit(act) for act in crowd.slow_senders(subject, patience_s)]
        blows = (*bodies.blows(subject), *doors.blows(subject), *wire.blows(subject))
        for blow in sorted(blows, key=attrgetter("item")):
            yield _checked(subject, _struck(subject, blow))
        for act in (crowd.one_bad_caller, crowd.burst, crowd.hang_up, crowd.idle):
            yield _checked(subject, act(subject))
        for dawdler in dawdlers:
            yield _checked(subject, dawdler.result())


def _struck(subject: Subject, blow: Blow) -> Finding:
    answer, is_closed = _exchange(subject.target, blow)
    wanted = " or ".join(map(str, sorted(blow.expected))) + (" and closed" if blow.closes else "")
    found = str(answer.status) + (" and closed" if blow.closes and is_closed else "")
    fine = answer.status in blow.expected and (is_closed or not blow.closes)
    if answer.status >= ERROR_FROM and not _is_error(answer):
        fine, found = False, found + ", not as JSON error"
    return Finding(blow.item, blow.what, wanted, found, fine)


def _exchange(target: Target, blow: Blow) -> tuple[Answer, bool]:
    """Send the blow; also whether nothing but the end follows the reply."""
    with target.connect() as connection:
        with suppress(ConnectionError):  # refused mid-stream: the reply is already there
            connection.sendall(blow.sent)
        answer = Answer(0)
        try:
            answer = read_answer(connection)
            return answer, blow.closes and connection.recv(1) == b""
        except ConnectionError:
            return answer, True
        except TimeoutError:
            return answer, False


def _is_error(answer: Answer) -> bool:
    value = answer.json
    return isinstance(value, dict) and list(value) == ["error"] and isinstance(value["error"], str)


def _checked(subject: Subject, finding: Finding) -> Finding:
    """Add what is wrong with the server afterwards."""
    harm = subject.is_well()
    if not harm:
        return finding
    return Finding(
        finding.item, finding.what, finding.expected, f"{finding.found}; {harm}", is_right=False
    )


def _line(item: str, what: str, expected: str, found: str, mark: str) -> str:
    return f"{item:3s} {what:52s} {expected:28s} {found:28s} {mark}".rstrip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
