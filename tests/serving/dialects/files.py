"""Pictures' files as callers send them."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Images = NDArray[np.uint8]


def written(image: Images, kind: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401 -- Pillow's
    with io.BytesIO() as file:
        Image.fromarray(image).save(file, kind, **options)
        return file.getvalue()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()
