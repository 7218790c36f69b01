"""The peer: the same ONNX file behind LitServe, batching as its guide shows.

`MODEL=models/model.onnx python -m benchmarks.litserve_peer PORT`; it takes JSON: images as
base64.
"""

import base64
import os
import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

_BATCH = 8
_SECONDS = 10.0


class Classify(litserve.LitAPI):  # type: ignore[misc]  # it has no types
    def setup(self, device: str) -> None:  # noqa: ARG002 -- its signature
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(
            os.environ["MODEL"], options, providers=["CPUExecutionProvider"]
        )
        self.shape = self.session.get_inputs()[0].shape[1:]

    def decode_request(self, request: dict[str, str]) -> NDArray[np.uint8]:
        body = base64.b64decode(request["images"])
        return np.frombuffer(body, np.uint8).reshape(-1, *self.shape)

    def batch(self, inputs: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        return inputs

    def predict(self, inputs: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        (found,) = self.session.run(["probabilities"], {"images": np.concatenate(inputs)})
        return np.split(found, np.cumsum([len(one) for one in inputs])[:-1])

    def unbatch(self, output: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        return output

    def encode_response(self, output: NDArray[np.float32]) -> dict[str, Any]:
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    api = Classify(max_batch_size=_BATCH, batch_timeout=0.0)
    server = litserve.LitServer(api, accelerator="cpu", timeout=_SECONDS)
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
