"""The data sets: fetched, verified, split, prepared as arrays."""
