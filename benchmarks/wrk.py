"""Load by wrk (https://github.com/wg/wrk, Debian package wrk) from cores of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
wrk.method = "POST"
wrk.path = "%s"
%s
local file = io.open("%s", "rb")
wrk.body = file:read("*a")
file:close()
local bad = 0
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests": %%d, "seconds": %%f, "p50_ms": %%f, "p99_ms": %%f, "errors": %%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Call:
    """One request, sent again and again."""

    path: str
    fields: Mapping[str, str]
    body: bytes
    images: int


@dataclass(frozen=True)
class Load:
    """What came of it; `busy` is the share of its cores' time that wrk itself used."""

    requests_s: float
    p50_ms: float
    p99_ms: float
    busy: float


def run(  # noqa: PLR0913 -- keyword-only choices of one measurement
    url: str, call: Call, *, folder: Path, cores: list[int], connections: int, seconds: float
) -> Load:
    """Ask without a pause; RuntimeError on any reply that is not 200."""
    body, script = folder / "body", folder / "call.lua"
    body.write_bytes(call.body)
    fields = "\n".join(f'wrk.headers["{k}"] = "{v}"' for k, v in call.fields.items())
    script.write_text(_SCRIPT % (call.path, fields, body))
    threads = min(len(cores), connections)
    command = [
        "taskset", "-c", ",".join(map(str, cores)), program(),
        f"-t{threads}", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "20s",
        "-s", str(script), url,
    ]  # fmt: skip
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = os.times()
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if found["errors"]:
        raise RuntimeError(f"{found['errors']} requests to {call.path} failed: see the server")
    spent = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    busy = spent / ((after.elapsed - before.elapsed) * len(cores))
    return Load(found["requests"] / found["seconds"], found["p50_ms"], found["p99_ms"], busy)


def program() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise FileNotFoundError("wrk is not installed: apt-get install wrk")
    return found
