"""What can be wrong with a net that a name leads to."""

from pipeline.errors import PipelineError


class NetError(PipelineError):
    """The name leads to no net, or to one that is no classifier of these images."""


class WeightsError(PipelineError):
    """The published weights cannot be fetched, or are not what they should be."""
