"""The limit: onnxruntime in one process, one thread, no server. Prints images/s of two batches.

`python benchmarks/in_process.py model.onnx 1 64` is run by benchmarks.serving on the server's core.
"""

import sys
import time

import numpy as np
import onnxruntime as ort

SECONDS = 2.0


def main(model: str, *batches: str) -> None:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    for batch in map(int, batches):
        shape = (batch, *session.get_inputs()[0].shape[1:])
        images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        runs, start_s = 0, time.perf_counter()
        while (spent_s := time.perf_counter() - start_s) < SECONDS:
            session.run(["probabilities"], {"images": images})
            runs += 1
        sys.stdout.write(f"{runs * batch / spent_s}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
