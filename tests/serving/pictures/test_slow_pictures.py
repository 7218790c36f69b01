"""Pictures that take long have a lane of their own: the others do not wait for them."""

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.reading.rules import current
from serving.pictures import decoding
from serving.pictures.decoding import Decoders
from serving.pictures.fitting import Way
from serving.pictures.weight import weight_of
from serving.wire.budget import Budget
from tests.serving.live import serving
from tests.serving.test_overload import post

WAY = Way(rules=current(), shape=(1, 28, 28))


def jpeg(side: int, *, progressive: bool) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "JPEG", quality=30, progressive=progressive)
        return file.getvalue()


def test_many_scans_make_a_picture_heavy() -> None:
    """By its samples times its scans; a usual progressive picture and a plain one are not."""
    assert weight_of(jpeg(1600, progressive=True), WAY).is_large
    assert not weight_of(jpeg(400, progressive=True), WAY).is_large
    assert not weight_of(jpeg(1600, progressive=False), WAY).is_large
    assert not weight_of(b"\xff\xd8" + b"\xff\xda" * 10_000, WAY).is_large


def test_what_took_long_goes_on_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its first slice a slow batch leaves both threads to others, and all is answered."""
    monkeypatch.setattr(decoding, "_LONG_S", 0.0)
    monkeypatch.setattr(decoding, "_SLICE_S", 0.0)
    turns: list[str] = []

    async def run() -> None:
        budget = Budget(1 << 30)
        decoders = Decoders(budget, deadline_s=60)
        small, large = decoders._small.run, decoders._large.run  # noqa: SLF001 -- counted below

        async def in_small(*given: object, **named: object) -> object:
            turns.append("small")
            return await small(*given, **named)  # type: ignore[arg-type]  # passed on as they come

        async def in_large(*given: object, **named: object) -> object:
            turns.append("large")
            return await large(*given, **named)  # type: ignore[arg-type]  # passed on as they come

        monkeypatch.setattr(decoders._small, "run", in_small)  # noqa: SLF001 -- counted here
        monkeypatch.setattr(decoders._large, "run", in_large)  # noqa: SLF001 -- counted here
        images = await decoders.decode([jpeg(200, progressive=False)] * 6, WAY)
        assert len(images) == 6
        await asyncio.sleep(0)
        assert budget.held_bytes == 0

    asyncio.run(run())
    assert turns == ["small"] + ["large"] * 5


@pytest.mark.soak
def test_two_slow_batches_do_not_starve_small_pictures(tiny_model: Path) -> None:
    """Two multiparts of 40 progressive JPEGs: a hundred small ones are answered before them."""
    part = b'--x\r\ncontent-disposition: form-data; name="images"; filename="a.jpg"\r\n\r\n%b\r\n'
    slow = part % jpeg(1600, progressive=True) * 40 + b"--x--\r\n"
    quick = jpeg(100, progressive=False)
    finished: list[str] = []

    async def ask(port: int, name: str, body: bytes, kind: str) -> None:
        status, _ = await post(port, body, kind)
        finished.append(name if status == 200 else f"{name} {status}")

    async def run(port: int) -> None:
        kind = "multipart/form-data; boundary=x"
        batches = [asyncio.create_task(ask(port, "batch", slow, kind)) for _ in range(2)]
        await asyncio.sleep(0.5)
        for _ in range(100):
            await ask(port, "small", quick, "image/jpeg")
        await asyncio.gather(*batches)

    flags = ("--deadline", "120", "--no-access-log")
    with serving("--model", str(tiny_model), *flags) as server:
        asyncio.run(run(server.port))
    assert finished == ["small"] * 100 + ["batch"] * 2
