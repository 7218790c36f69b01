"""What is wrong with a JSON body, said without repeating the caller's words."""

import re

_PLACE = re.compile(r"at `(\$[\w.\[\]]*)`")


def complaint(error: Exception, wanted: str) -> str:
    """Name the place, where msgspec knows one, and what is allowed there.

    Of msgspec's own text only the place is kept: the rest may quote keys and values.
    """
    place = _PLACE.search(str(error))
    if place is None or place[1] == "$":
        return f"the body must be {wanted}"
    return f"the body must be {wanted}; it is not at {place[1]}"
