"""What promotion, rollback and lineage refuse."""

from pipeline.errors import PipelineError


class RefusedError(PipelineError):
    """Why this model may not be promoted, and what to do."""
