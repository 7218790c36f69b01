"""Requests of every dialect, some bad, some cut short, and a client that keeps count of them."""

import asyncio
import gzip
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import orjson
from numpy.typing import NDArray
from PIL import Image

Images = NDArray[np.uint8]  # (N, C, H, W)
Rows = NDArray[np.float32]
Maker = Callable[[Images], tuple[str, dict[str, str], bytes]]

INFER = "/v2/models/digits-classifier/infer"
AS_JSON = {"content-type": "application/json"}
LENGTH = "inference-header-content-length"
LARGEST = 64


def message(path: str, fields: dict[str, str], body: bytes) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    lines += f"host: localhost\r\ncontent-length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def png(image: Images) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image[0]).save(file, "PNG")
    return file.getvalue()


def npy(images: Images) -> bytes:
    file = io.BytesIO()
    np.save(file, images)
    return file.getvalue()


def multipart(images: Images) -> bytes:
    part = b'--x\r\ncontent-disposition: form-data; name="images"; filename="a.png"\r\n\r\n%b\r\n'
    return b"".join(part % png(image) for image in images) + b"--x--\r\n"


def tensor(images: Images, **fields: object) -> bytes:
    given = {"name": "images", "datatype": "UINT8", "shape": images.shape, **fields}
    outputs = [{"name": "probabilities", "parameters": {"binary_data": "parameters" in fields}}]
    return json.dumps({"inputs": [given], "outputs": outputs}).encode()


def binary(images: Images) -> tuple[str, dict[str, str], bytes]:
    head = tensor(images, parameters={"binary_data_size": images.nbytes})
    return INFER, {LENGTH: str(len(head))}, head + images.tobytes()


def frame(images: Images) -> bytes:
    cells = [[image.tolist()] for image in images]
    return json.dumps({"dataframe_split": {"columns": ["images"], "data": cells}}).encode()


GOOD: tuple[Maker, ...] = (
    lambda i: ("/predict", AS_JSON, json.dumps({"images": i.tolist()}).encode()),
    lambda i: ("/predict", {"content-type": "application/octet-stream"}, i.tobytes()),
    lambda i: ("/predict", {"content-type": "application/x-npy"}, npy(i)),
    lambda i: ("/predict", {"content-type": "image/png"}, png(i[0])),
    lambda i: ("/predict", {"content-type": "multipart/form-data; boundary=x"}, multipart(i)),
    lambda i: (INFER, {}, tensor(i, data=i.ravel().tolist())),
    binary,
    lambda i: (INFER, {LENGTH: "0"}, i.tobytes()),
    lambda i: (INFER, {"content-encoding": "gzip"}, gzip.compress(tensor(i, data=i.tolist()), 1)),
    lambda i: ("/invocations", AS_JSON, json.dumps({"inputs": i.tolist()}).encode()),
    lambda i: ("/invocations", AS_JSON, json.dumps({"instances": i.tolist()}).encode()),
    lambda i: ("/invocations", AS_JSON, frame(i)),
)
SINGLE = 3  # of GOOD: one picture is one image

BAD: tuple[tuple[bytes, int], ...] = (
    (message("/predict", AS_JSON, b'{"images": [[1]]}'), 400),
    (message("/predict", AS_JSON, b"{"), 400),
    (message("/predict", {"content-type": "image/png"}, b"\x89PNG\r\n\x1a\nnot"), 400),
    (message("/predict", {"content-type": "text/plain"}, b"7"), 415),
    (message(INFER, {LENGTH: "0"}, b"1"), 400),
    (message(INFER, {LENGTH: "-1"}, b"1"), 400),
    (message("/invocations", AS_JSON, b'{"inputs": [[NaN]]}'), 400),
    (message("/nowhere", {}, b""), 404),
    (b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n", 413),
    (b"nonsense\r\n\r\n", 400),
)


def probabilities(head: bytes, body: bytes) -> Rows:
    """Read a good reply of any dialect."""
    at = head.find(LENGTH.encode() + b": ")
    if at >= 0:
        start = int(head[at + len(LENGTH) + 2 :].split(b"\r\n", 1)[0])
        return np.frombuffer(body[start:], np.float32)
    value = orjson.loads(body)
    if "outputs" in value:
        return np.array(value["outputs"][0]["data"], np.float32)
    found = value["predictions"]
    if isinstance(found, dict):
        return np.array(found["probabilities"], np.float32).ravel()
    rows = [list(one["probabilities"].values()) for one in found]
    return np.array(rows, np.float32).ravel()


@dataclass(frozen=True)
class Shot:
    sent: bytes
    status: int
    expected: Rows | None = None


def shots(images: Images, expected: Rows, count: int, *, seed: int) -> list[Shot]:
    """Make good ones of 1 to 64 images in all dialects, and one bad one in twenty."""
    generator = np.random.default_rng(seed)
    made = []
    for number in range(count):
        if number % 20 == 0:
            made.append(Shot(*BAD[number // 20 % len(BAD)]))
            continue
        maker = number % len(GOOD)
        most = 1 if maker == SINGLE else int(generator.choice([1, 1, 1, 8, LARGEST]))
        size = int(generator.integers(1, most + 1))
        start = int(generator.integers(0, len(images) - size + 1))
        rows = expected[start : start + size].ravel()
        made.append(Shot(message(*GOOD[maker](images[start : start + size])), 200, rows))
    return made


@dataclass
class Tally:
    """What became of the shots."""

    right: int = 0
    hung_up: int = 0
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    cut: int = 0  # sent, and the connection ended without a reply
    kept_out: int = 0  # no connection to be had: never sent


class Callers:
    """Connections that fire the same shots in turn until `count` are fired, or asked to stop."""

    def __init__(self, port: int, shots: list[Shot], *, tolerance: float = 1e-6) -> None:
        self.tally = Tally()
        self.on = True
        self._port, self._shots, self._tolerance = port, shots, tolerance
        self._fired = 0

    async def fire(self, count: int, *, connections: int, hang_up_every: int = 0) -> None:
        """Return when all have their answers."""
        last = self._fired + count
        await asyncio.gather(*(self._call(last, hang_up_every) for _ in range(connections)))

    async def _call(self, last: int, hang_up_every: int) -> None:
        stream = None
        while self.on and self._fired < last:
            self._fired += 1
            number, shot = self._fired, self._shots[self._fired % len(self._shots)]
            try:
                stream = stream or await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                self.tally.kept_out += 1
                await asyncio.sleep(0.05)
                continue
            if hang_up_every and number % hang_up_every == 1:  # bad ones stand at 0
                self.tally.hung_up += 1
                stream[1].write(shot.sent[: len(shot.sent) // (1 + number // hang_up_every % 2)])
            elif await self._answered(stream, shot):
                continue
            stream[1].transport.abort()
            stream = None
        if stream:
            stream[1].transport.abort()

    async def _answered(
        self, stream: tuple[asyncio.StreamReader, asyncio.StreamWriter], shot: Shot
    ) -> bool:
        """Send one and check what comes; False: the connection is of no more use."""
        reader, writer = stream
        try:
            writer.write(shot.sent)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
            size = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            body = await reader.readexactly(size)
        except (OSError, asyncio.IncompleteReadError):
            self.tally.cut += 1
            return False
        self._judge(shot, int(head[9:12]), head, body)
        return b"connection: close" not in head

    def _judge(self, shot: Shot, status: int, head: bytes, body: bytes) -> None:
        self.tally.statuses[status] += 1
        if status != shot.status:
            self.tally.wrong.append(f"{status} for {shot.status}: {body[:80]!r}")
        elif (
            shot.expected is None
            or np.abs(probabilities(head, body) - shot.expected).max() < self._tolerance
        ):
            self.tally.right += 1
        else:
            self.tally.wrong.append(f"other numbers for {shot.sent[:60]!r}")
