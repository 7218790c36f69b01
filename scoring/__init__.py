"""Score a folder, a bucket or a table of pictures into Parquet: on this machine, or on Ray.

INPUT ─► listing, in slices of a fixed order ─► Daft: a slice is a row of its plan ─► workers
      ─► one Parquet part a slice, whole or absent ─► _summary.json

A worker reads its slice's pictures by contract's reader, runs the model as the server does, and
writes the part. Only slice numbers and counts pass through the engine. (docs/how-to/score.md)
"""
