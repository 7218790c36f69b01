"""README's figures, copied from what the benchmarks and the pipeline wrote.

`python -m benchmarks.readme` writes the blocks between `<!-- NAME: … -->` and `<!-- /NAME -->`;
`--check` only compares, and fails where README says something else.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks import report
from benchmarks.running import free_port

SERVED = "http://127.0.0.1:8000"
REQUEST = (
    f"curl -s -H 'Content-Type: image/png' --data-binary @docs/seven.png '{SERVED}/predict?top_k=3'"
)
README = Path(__file__).parents[1] / "README.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    before = README.read_text()
    after = filled(before)
    if check and after != before:
        sys.exit("error: README.md shows other figures than benchmarks/results: run `make readme`")
    README.write_text(after)


def filled(text: str) -> str:
    """`text` with every block filled from the results as they lie in benchmarks/results."""
    for name, block in (("results", results()), ("serving", serving()), ("curl", curl())):
        begin, end = rf"<!-- {name}: `make readme` -->\n", rf"<!-- /{name} -->"
        parts = re.split(rf"({begin}).*?({end})", text, flags=re.DOTALL)
        if len(parts) != len(("before", "begin", "end", "after")):
            sys.exit(f"error: README.md needs one block named {name!r}, with its begin and end")
        before, opened, closed, after = parts
        text = f"{before}{opened}\n{block}\n{closed}{after}"
    return text


def results() -> str:
    rows = [
        _accuracy("default parameters", "default", "python -m benchmarks.record --recipe default"),
        _accuracy("record recipe", "record", "make record"),
        *_training(),
        *_serving_ratios(),
        *_watching(),
    ]
    return report.table(("measured", "figure", "how"), rows)


def serving() -> str:
    content = _read("serving")
    medians: dict[str, dict[str, float]] = content["medians"]
    names = ["one image JSON", "one PNG", "64 images JSON", "64 images binary"]
    headings = (
        "",
        *(f"{name}, {'req' if name.startswith('one') else 'images'}/s" for name in names),
    )
    rows = [
        (server, *(round(found[name]) if name in found else None for name in names))
        for server, found in medians.items()
    ]
    told = f"{content['processor']}, one for the server; medians of {content['rounds']} rounds"
    return f"{report.table(headings, rows)}\n{told}: `{content['command']}`.\n"


def curl() -> str:
    """One request as a reader would send it, and what models/model.onnx answers through HTTP."""
    port = free_port()
    command = [sys.executable, "-m", "serving", "--model", "models/model.onnx", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            while subprocess.run(["curl", "-sf", f"{url}/v2/health/ready"], check=False).returncode:
                time.sleep(0.1)
            asked = REQUEST.replace(SERVED, url)
            reply = subprocess.run(shlex.split(asked), check=True, capture_output=True, text=True)
        finally:
            server.terminate()
    return f"```console\n$ {REQUEST}\n{reply.stdout.strip()}\n```"


def _accuracy(what: str, name: str, command: str) -> tuple[str, str, str]:
    content = _read(name)
    seeds = list(content["seeds"].values())
    tests = [seed["test"] for seed in seeds]
    machine = content["machine"]
    seconds = mean(seed["seconds"] for seed in seeds)
    figure = (
        f"{mean(tests):.2f} ± {stdev(tests):.2f} % (n = {len(tests)} seeds, "
        f"{seeds[0]['parameters']:,} parameters, {seconds:.0f} s each on "
        f"{report.threads(machine['threads'])} of {machine['device']})"
    )
    return f"MNIST test accuracy, {what}", figure, f"`{command}`"


def _training() -> list[tuple[str, str, str]]:
    content = _read("training")
    return [
        (
            f"seconds per epoch, {name.partition(' (')[0]}",
            f"{ratio:.2f}",
            "`make bench`, on two cores",
        )
        for name, ratio in content["ratios"].items()
    ]


def _serving_ratios() -> list[tuple[str, str, str]]:
    content = _read("serving")
    return [
        (f"serving: {one['name']}", f"{one['found']:.2f}", f"`{content['command']}`")
        for one in content["ratios"]
    ]


def _watching() -> list[tuple[str, str, str]]:
    content = _read("watching")
    found, command = content["found"], content["command"]
    figures = (
        ("processor time a request, watched for drift / not", "watched", "cpu_ratio"),
        ("p99 beside a shadowed challenger / without", "shadowed", "p99_ratio"),
    )
    return [
        (f"serving: {case}, {what}", f"{found[f'{who}: {case}'][ratio]:.2f}", f"`{command}`")
        for what, who, ratio in figures
        for case in ("one image JSON", "64 images binary")
    ]


def _read(name: str) -> Any:  # noqa: ANN401 - each benchmark's own JSON
    path = report.RESULTS / f"{name}.json"
    if not path.exists():
        sys.exit(f"error: {path.name} is not there yet: run `make bench`")
    return json.loads(path.read_text())


if __name__ == "__main__":
    main()
