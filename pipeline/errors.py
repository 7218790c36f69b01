"""The errors that a user can mend: printed as one line, without a traceback."""


class PipelineError(Exception):
    """Says what was given, what is allowed and what to do.

    Each module derives its own from this; whatever is not derived from it is a defect of ours.
    """
