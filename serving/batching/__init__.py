"""Many callers, one run after the other: who is let in, who is next, how long it takes."""
