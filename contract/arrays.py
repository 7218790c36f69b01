"""The arrays that both sides pass on."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Images: TypeAlias = NDArray[np.uint8]  # (N, C, H, W)
Labels: TypeAlias = NDArray[np.int64]  # (N,) class indices
Probabilities: TypeAlias = NDArray[np.float32]  # (N, classes)
Familiarities: TypeAlias = NDArray[np.float32]  # (N,) 0 to 1
