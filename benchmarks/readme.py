"""README's request and reply, asked of models/model.onnx: `python -m benchmarks.readme`.

It writes the block between `<!-- curl: … -->` and `<!-- /curl -->`.
"""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.running import free_port
from contract.files import write_bytes

SERVED = "http://127.0.0.1:8000"
REQUEST = (
    f"curl -s -H 'Content-Type: image/png' --data-binary @docs/seven.png '{SERVED}/predict?top_k=3'"
)
README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- curl: `make readme` -->\n).*?(<!-- /curl -->)", re.DOTALL)


def main() -> None:
    before, opened, closed, after = parts(README.read_text())
    write_bytes(README, f"{before}{opened}{answered()}\n{closed}{after}".encode())


def parts(text: str) -> list[str]:
    """Split into what is before, the begin, the end and what is after the one block."""
    found = BLOCK.split(text)
    if len(found) != len(("before", "begin", "end", "after")):
        sys.exit("error: README.md needs one block named 'curl', with its begin and end")
    return found


def answered() -> str:
    """One request as a reader would send it, and what the model answers through HTTP."""
    port = free_port()
    command = [sys.executable, "-m", "serving", "--model", "models/model.onnx", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            ready = ["curl", "-sf", "-o", os.devnull, f"{url}/v2/health/ready"]
            while subprocess.run(ready, check=False).returncode:
                if server.poll() is not None:
                    sys.exit("error: the server ended: `make repro` makes models/model.onnx")
                time.sleep(0.1)
            asked = REQUEST.replace(SERVED, url)
            reply = subprocess.run(shlex.split(asked), check=True, capture_output=True, text=True)
        finally:
            server.terminate()
    return f"```console\n$ {REQUEST}\n{reply.stdout.strip()}\n```"


if __name__ == "__main__":
    main()
