"""A fire drill: what must not hurt a live server is done to it, and the answers are checked."""
