"""What scoring is compared with, on the same pictures: the plain loop, Ray Data, the server.

`python -m benchmarks.scoring_peers NAME SOURCE OUTPUT MODEL` is started by benchmarks.scoring.
SOURCE is a folder of folders, or a Parquet file with the pictures in its column `image`.
"""

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from serving.models.model import load
from serving.pictures.fitting import Way, fitted

if TYPE_CHECKING:
    from contract.arrays import Probabilities

AT_ONCE = 64  # pictures of one run, or one request
CORES = 2


def main(name: str, source: str, output: str, model: str) -> None:
    Path(output).mkdir(parents=True)
    {"loop": loop, "ray data": ray_data, "server": server}[name](source, output, model)


def loop(source: str, output: str, model: str) -> None:
    """Read, run, write; half of the pictures in each of two processes, and nothing else."""
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(partial(_half, source, output, model), range(CORES)))


def _half(source: str, output: str, model: str, part: int) -> None:
    run = load(Path(model).read_bytes(), threads=1)
    way = Way(rules=run.facts.rules, shape=run.facts.image_shape)
    names: list[str] = []
    found: list[Probabilities] = []
    pictures = _rows(source, part) if source.endswith(".parquet") else _files(source, part)
    while some := list(islice(pictures, AT_ONCE)):
        names += [name for name, _ in some]
        found.append(run(np.stack([fitted(content, way) for _, content in some])))
    probabilities = np.concatenate(found)
    best = probabilities.argmax(axis=1)
    table = {
        "path": names,
        "label": np.array(run.facts.classes)[best],
        "probability": probabilities.max(axis=1),
        "probabilities": pa.FixedSizeListArray.from_arrays(
            probabilities.reshape(-1), probabilities.shape[1]
        ),
    }
    pq.write_table(pa.table(table), f"{output}/{part}.parquet", compression="zstd")


def _files(source: str, part: int) -> Iterator[tuple[str, bytes]]:
    paths = sorted(str(path) for path in Path(source).glob("*/*"))
    for path in paths[part::CORES]:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 -- the least there is
            yield path, file.read()


def _rows(source: str, part: int) -> Iterator[tuple[str, bytes]]:
    file = pq.ParquetFile(source)
    groups = list(range(file.num_row_groups))[part::CORES]
    for batch in file.iter_batches(AT_ONCE, row_groups=groups, columns=["image"]):
        yield from (("", content) for content in batch.column(0).to_pylist())


def ray_data(source: str, output: str, model: str) -> None:
    """Two actors of half a core: of a whole one each they leave none for reading."""
    import ray  # noqa: PLC0415 -- of this one alone

    class Actor:
        def __init__(self) -> None:
            self.run = load(Path(model).read_bytes(), threads=1)
            facts = self.run.facts
            self.way = Way(rules=facts.rules, shape=facts.image_shape)

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            images = np.stack([fitted(content, self.way) for content in batch["bytes"]])
            return {"path": batch["path"], "probabilities": self.run(images)}

    ray.init(num_cpus=CORES, include_dashboard=False, log_to_driver=False)
    data = ray.data.read_binary_files(source, include_paths=True)
    scored = data.map_batches(Actor, batch_size=AT_ONCE, concurrency=CORES, num_cpus=0.5)
    scored.write_parquet(output)
    ray.shutdown()


def server(source: str, output: str, model: str) -> None:
    """Two callers send 64 pictures a request, as multipart/form-data."""
    command = [sys.executable, "-m", "serving", "--model", model, "--port", "0", "--workers", "2"]
    process = subprocess.Popen([*command, "--no-access-log"], stderr=subprocess.PIPE, text=True)
    try:
        port = _port(process)
        with ThreadPoolExecutor(CORES) as pool:
            answered = sum(pool.map(partial(_ask, source, port), range(CORES)))
        Path(output, "answered").write_text(str(answered))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _port(process: "subprocess.Popen[str]") -> int:
    for line in process.stderr or ():
        if found := re.search(r"http://[\d.]+:(\d+)", line):
            return int(found[1])
    raise RuntimeError("the server named no address")


def _ask(source: str, port: int, part: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    pictures, answered = _files(source, part), 0
    while some := [content for _, content in islice(pictures, AT_ONCE)]:
        connection.request("POST", "/predict", _form(some), _FORM_TYPE)
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != http.client.OK:
            raise RuntimeError(f"the server answers {reply.status} {body[:200]!r}")
        answered += len(some)
    return answered


_FORM_TYPE = {"Content-Type": "multipart/form-data; boundary=b"}


def _form(pictures: Sequence[bytes]) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\n'
    return b"\r\n".join([head + content for content in pictures]) + b"\r\n--b--\r\n"


if __name__ == "__main__":
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    main(*sys.argv[1:])
