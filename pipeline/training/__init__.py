"""From prepared arrays to a fitted net."""
