"""Exit with 0 where the server in this container is ready: the images' HEALTHCHECK.

python ready.py [PATH [PORT]]; it sends no Host, which --allowed-hosts would have to list.
"""

import os
import socket
import sys

_PATH, _PORT = "/v2/health/ready", os.environ.get("SERVING_PORT", "8000")
_TIMEOUT_S = 2.0


def main(path: str = _PATH, port: str = _PORT) -> int:
    with socket.create_connection(("127.0.0.1", int(port)), timeout=_TIMEOUT_S) as server:
        server.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        status = server.makefile("rb").readline().split()[1:2]
    return 0 if status == [b"200"] else 1


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except OSError as error:
        sys.exit(f"not ready: {error}")
