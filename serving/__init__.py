"""Serve one exported image classifier over HTTP: batched, in four dialects, without torch."""

__version__ = "0.1.0"
