"""Every door by which one picture's file comes into a server, and what it answers."""

import base64
import json
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tests.serving.live import Answer, Server

Row = NDArray[np.float64]  # (classes,)
Door = Callable[[Server, bytes], Answer]


def body(server: Server, data: bytes) -> Answer:
    """With the type that many clients send for anything."""
    return server.ask("POST", "/predict", data, content_type="image/jpg")


def form(server: Server, data: bytes) -> Answer:
    head = b'--b\r\nContent-Disposition: form-data; name=file; filename="a.png"\r\n\r\n'
    kind = 'multipart/form-data; boundary="b"'
    return server.ask("POST", "/predict", head + data + b"\r\n--b--\r\n", content_type=kind)


def url(server: Server, data: bytes) -> Answer:
    text = "data:image/png;base64," + base64.urlsafe_b64encode(data).decode()
    return server.predict({"images": [text]})


def bytes_tensor(server: Server, data: bytes) -> Answer:
    """V2, binary, to the only model."""
    content = len(data).to_bytes(4, "little") + data
    size = {"binary_data_size": len(content)}
    tensor = {"name": "images", "datatype": "BYTES", "shape": [1], "parameters": size}
    head = json.dumps({"inputs": [tensor]}).encode()
    model = server.get("/model")["name"]
    return server.ask(
        "POST",
        f"/v2/models/{model}/infer",
        head + content,
        inference_header_content_length=str(len(head)),
    )


def invocation(server: Server, data: bytes) -> Answer:
    """With line breaks in the base64."""
    text = json.dumps({"inputs": [base64.encodebytes(data).decode()]}).encode()
    return server.ask("POST", "/invocations", text, content_type="application/json")


ALL: tuple[Door, ...] = (body, form, url, bytes_tensor, invocation)


def probabilities(answer: Answer) -> Row:
    """Of the one image, whichever door gave the reply."""
    reply = answer.json
    if "outputs" in reply:
        return np.array(reply["outputs"][0]["data"])
    if "probabilities" in reply["predictions"]:
        return np.array(reply["predictions"]["probabilities"][0])
    return np.array(list(reply["predictions"][0]["probabilities"].values()))
