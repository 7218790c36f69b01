"""An independent V2 client, tritonclient.grpc, unmodified: sync and aio, all that it can ask."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from tests.serving.dialects.files import written
from tests.serving.live import ROOT, Server, serving

MODEL = "digits-classifier"
Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


@pytest.fixture
def client(rpc: Server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(rpc.grpc) as connected:
        yield connected


def tensor(images: NDArray[Any], datatype: str = "UINT8") -> triton.InferInput:
    found = triton.InferInput("images", list(images.shape), datatype)
    return found.set_data_from_numpy(images)


@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
def test_infer(
    client: triton.InferenceServerClient,
    images: Images,
    expected: Probabilities,
    coding: str | None,
) -> None:
    """The numbers are the model's, also compressed; the id comes back, and the version."""
    result = client.infer(MODEL, [tensor(images)], request_id="r-1", compression_algorithm=coding)
    assert result.get_response().id == "r-1"
    assert np.abs(result.as_numpy("probabilities") - expected).max() < 1e-6
    again = client.infer(
        MODEL, [tensor(images[:2])], model_version=result.get_response().model_version
    )
    assert np.abs(again.as_numpy("probabilities") - expected[:2]).max() < 1e-6


@pytest.mark.parametrize("datatype", ["UINT16", "INT64", "FP16", "FP32", "FP64"])
def test_other_numbers_are_cast(
    client: triton.InferenceServerClient, images: Images, expected: Probabilities, datatype: str
) -> None:
    """As over HTTP."""
    dtype = {"UINT16": "u2", "INT64": "i8", "FP16": "f2", "FP32": "f4", "FP64": "f8"}[datatype]
    found = client.infer(MODEL, [tensor(images[:3].astype(dtype), datatype)])
    assert np.abs(found.as_numpy("probabilities") - expected[:3]).max() < 1e-6


def test_pictures(
    client: triton.InferenceServerClient, images: Images, expected: Probabilities
) -> None:
    """BYTES hold the files of pictures."""
    pictures = np.array([written(image[0]) for image in images[:2]], np.object_)
    found = client.infer(MODEL, [tensor(pictures, "BYTES")])
    assert np.abs(found.as_numpy("probabilities") - expected[:2]).max() < 1e-6


def test_classification(
    client: triton.InferenceServerClient, images: Images, expected: Probabilities
) -> None:
    """class_count gives text, the greatest first."""
    outputs = [triton.InferRequestedOutput("probabilities", class_count=3)]
    found = client.infer(MODEL, [tensor(images[:2])], outputs=outputs).as_numpy("probabilities")
    assert found.shape == (2, 3)
    assert found[0, 0].decode().split(":")[1] == str(expected[0].argmax())


def test_familiarity_by_name(judge_model: Path, images: Images) -> None:
    """A second output, in the order in which they were asked for."""
    with (
        serving("--model", str(judge_model), "--no-access-log", "--grpc-port", "0") as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        names = ("familiarity", "probabilities")
        outputs = [triton.InferRequestedOutput(name) for name in names]
        found = client.infer(MODEL, [tensor(images[:2])], outputs=outputs)
        assert [one.name for one in found.get_response().outputs] == list(names)
        means = images[:2].reshape(2, -1).mean(axis=1) / 255
        assert np.abs(found.as_numpy("familiarity") - means).max() < 1e-3


def test_what_it_asks_beside_infer(client: triton.InferenceServerClient, rpc: Server) -> None:
    """Health, metadata, configuration, statistics, index: what the V2 paths say."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert list(client.get_server_metadata().extensions) == rpc.get("/v2")["extensions"]
    described, told = client.get_model_metadata(MODEL), rpc.get(f"/v2/models/{MODEL}")
    assert list(described.versions) == told["versions"]
    for found, wanted in zip(
        [*described.inputs, *described.outputs], told["inputs"] + told["outputs"], strict=True
    ):
        assert (found.name, found.datatype, list(found.shape)) == (
            wanted["name"],
            wanted["datatype"],
            wanted["shape"],
        )
    config = client.get_model_config(MODEL, as_json=True)["config"]
    assert config["max_batch_size"] == told["parameters"]["max_batch"]
    assert config["input"][0]["data_type"] == "TYPE_UINT8"
    (stats,) = client.get_inference_statistics(MODEL).model_stats
    (same,) = rpc.get(f"/v2/models/{MODEL}/stats")["model_stats"]
    assert stats.inference_count == same["inference_count"]
    assert stats.inference_stats.queue.ns == same["inference_stats"]["queue"]["ns"]
    (entry,) = client.get_model_repository_index().models
    assert (entry.name, entry.version, entry.state) == (MODEL, told["versions"][0], "READY")


def test_its_errors_carry_code_and_text(
    client: triton.InferenceServerClient, images: Images
) -> None:
    """A code by the kind of the fault, and the words of HTTP."""
    with pytest.raises(InferenceServerException, match="shape must be") as refused:
        client.infer(MODEL, [tensor(images[:1, :, :27])])
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"
    with pytest.raises(InferenceServerException, match="no model of this name") as refused:
        client.get_model_metadata("other")
    assert refused.value.status() == "StatusCode.NOT_FOUND"
    with pytest.raises(InferenceServerException) as refused:
        client.is_model_ready(MODEL, "1")
    assert refused.value.status() == "StatusCode.NOT_FOUND"


def test_the_example_of_the_documentation(
    rpc: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands there, but for the address."""
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", Path("docs/http.md").read_text(), re.DOTALL)
    (example,) = [block for block in blocks if "tritonclient.grpc" in block]
    assert "127.0.0.1:8001" in example
    exec(example.replace("127.0.0.1:8001", rpc.grpc), {})  # noqa: S102 -- our own page
    assert re.fullmatch(r"\[\[b'[\d.]+:\d:\d'\]\]\n", capsys.readouterr().out)


def test_aio(rpc: Server, images: Images, expected: Probabilities) -> None:
    """The asyncio client, 32 calls at once."""

    async def ask() -> None:
        async with triton_aio.InferenceServerClient(rpc.grpc) as client:
            assert await client.is_server_ready()
            assert (await client.get_model_metadata(MODEL)).name == MODEL
            calls = [client.infer(MODEL, [tensor(images[at : at + 2])]) for at in range(32)]
            for at, result in enumerate(await asyncio.gather(*calls)):
                found = result.as_numpy("probabilities")
                assert np.abs(found - expected[at : at + 2]).max() < 1e-6

    asyncio.run(ask())
