"""params.yaml as frozen types: whatever is wrong in it dies here, before any work.

`load` is the only way in.
"""

from pipeline.config.reading import ConfigError, Scalar, flatten, load, parse, settled
from pipeline.config.sections import (
    Data,
    DatasetName,
    EmnistSplit,
    Evaluate,
    Export,
    Model,
    Nonlinearity,
    Params,
    Pooling,
    Resolved,
    Train,
)

__all__ = [
    "ConfigError",
    "Data",
    "DatasetName",
    "EmnistSplit",
    "Evaluate",
    "Export",
    "Model",
    "Nonlinearity",
    "Params",
    "Pooling",
    "Resolved",
    "Scalar",
    "Train",
    "flatten",
    "load",
    "parse",
    "settled",
]
