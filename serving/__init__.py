"""Serve one exported image classifier over HTTP: batched, in four dialects, without torch."""
