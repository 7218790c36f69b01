"""What ends a scoring job before its end; each text is the one line that the user reads."""

# ruff: noqa: N818 -- named for what is refused


class ScoringRefused(Exception):
    """What was given, what is allowed, what to do."""
