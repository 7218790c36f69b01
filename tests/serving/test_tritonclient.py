"""An independent V2 client, tritonclient, unmodified: sync and aio, JSON and binary, gzip."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from tests.serving.live import Server

MODEL = "digits-classifier"
Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
CODINGS = (None, "gzip", "deflate")


@pytest.fixture
def client(server: Server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as connected:
        yield connected


def asked(images: Images, *, binary: bool, count: int = 0) -> tuple[list[object], list[object]]:
    """Make the client's own input and output objects."""
    tensor = triton.InferInput("images", list(images.shape), "UINT8")
    tensor.set_data_from_numpy(images, binary_data=binary)
    output = triton.InferRequestedOutput("probabilities", binary_data=binary, class_count=count)
    return [tensor], [output]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("coding", CODINGS)
def test_sync(
    client: triton.InferenceServerClient,
    images: Images,
    expected: Probabilities,
    coding: str | None,
    *,
    binary: bool,
) -> None:
    """The numbers are the model's, whichever encoding carries them."""
    inputs, outputs = asked(images, binary=binary)
    result = client.infer(
        MODEL,
        inputs,
        outputs=outputs,
        request_id="r-1",
        request_compression_algorithm=coding,
        response_compression_algorithm=coding,
    )
    assert result.get_response()["id"] == "r-1"
    assert np.abs(result.as_numpy("probabilities") - expected).max() < 1e-6


def test_sync_with_its_defaults(
    client: triton.InferenceServerClient, images: Images, expected: Probabilities
) -> None:
    """No outputs named: it asks for all of them in binary."""
    inputs, _ = asked(images[:3], binary=True)
    result = client.infer(
        MODEL, inputs, model_version=client.get_model_metadata(MODEL)["versions"][0]
    )
    assert np.abs(result.as_numpy("probabilities") - expected[:3]).max() < 1e-6


@pytest.mark.parametrize("binary", [False, True])
def test_classification(
    client: triton.InferenceServerClient, images: Images, expected: Probabilities, *, binary: bool
) -> None:
    """class_count gives text, the greatest first."""
    inputs, outputs = asked(images[:2], binary=binary, count=3)
    found = client.infer(MODEL, inputs, outputs=outputs).as_numpy("probabilities")
    assert found.shape == (2, 3)
    first = found[0, 0].decode() if isinstance(found[0, 0], bytes) else found[0, 0]
    assert first.split(":")[1] == str(expected[0].argmax())


def test_health_metadata_and_async_infer(
    client: triton.InferenceServerClient, images: Images, expected: Probabilities
) -> None:
    """What the client offers beside infer."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    inputs, outputs = asked(images[:1], binary=True)
    waiting = client.async_infer(MODEL, inputs, outputs=outputs)
    found = waiting.get_result().as_numpy("probabilities")
    assert np.abs(found - expected[:1]).max() < 1e-6


def test_its_errors_carry_our_text(client: triton.InferenceServerClient, images: Images) -> None:
    """Whatever the status, the client finds the message."""
    inputs, outputs = asked(images[:1, :, :27], binary=True)
    with pytest.raises(InferenceServerException, match="shape must be"):
        client.infer(MODEL, inputs, outputs=outputs)
    with pytest.raises(InferenceServerException, match="no model of this name"):
        client.get_model_metadata("other")


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("coding", CODINGS)
def test_aio(
    server: Server, images: Images, expected: Probabilities, coding: str | None, *, binary: bool
) -> None:
    """The asyncio client, 16 requests at once."""

    async def ask() -> None:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
            inputs, outputs = asked(images[:4], binary=binary)
            results = await asyncio.gather(
                *[
                    client.infer(
                        MODEL,
                        inputs,
                        outputs=outputs,
                        request_compression_algorithm=coding,
                        response_compression_algorithm=coding,
                    )
                    for _ in range(16)
                ]
            )
            for result in results:
                assert np.abs(result.as_numpy("probabilities") - expected[:4]).max() < 1e-6
            found = await client.get_model_metadata(MODEL)  # it offers gzip, and undoes none here
            assert found["name"] == MODEL
            assert await client.is_server_ready()

    asyncio.run(ask())
