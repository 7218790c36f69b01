"""What the head of `familiarity` is fitted from: features of training, strangers and validation."""

import numpy as np
from onnx import ModelProto

from pipeline.data.arrays import Split
from pipeline.export import familiarity, strangers
from pipeline.export.familiarity import Head
from pipeline.export.familiarity_nodes import FEATURES, LOGITS
from pipeline.export.onnx_graph import to_bytes
from pipeline.export.onnx_run import open_session, outputs
from pipeline.export.world import World

BATCH = 64
KNOWN, STRANGE = 10_000, 3_000  # at most: images of training, and of each set of strangers
KNOWN_PIXELS, STRANGE_PIXELS = 10_000_000, 3_000_000  # fewer of large images: they take long
LEAST_KNOWN, LEAST_STRANGE = 1_000, 300


def fit(graph: ModelProto, train: Split, validation: Split) -> Head | None:
    """`graph` gives logits and features; None where no map can be made of its scores."""
    session = open_session(to_bytes(graph, {}))
    pixels = int(np.prod(train.images.shape[1:]))
    known = max(LEAST_KNOWN, min(KNOWN, KNOWN_PIXELS // pixels))
    strange = max(LEAST_STRANGE, min(STRANGE, STRANGE_PIXELS // pixels))
    step = -(-len(train) // known)
    images = np.ascontiguousarray(train.images[::step])  # from all over the split
    world = World.of(images, train.labels[::step])
    of_strangers = [
        outputs(session, some, [FEATURES], batch_size=BATCH)[0]
        for _, some in strangers.sets(world, most=min(strange, len(images)))
    ]
    return familiarity.fitted(
        outputs(session, images, [FEATURES], batch_size=BATCH)[0],
        np.concatenate(of_strangers),
        outputs(session, validation.images, [LOGITS, FEATURES], batch_size=BATCH),
    )
