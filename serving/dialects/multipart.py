"""multipart/form-data bodies (RFC 7578) → the bytes of the files in one field."""

import re

from serving.errors import BadRequest

_BOUNDARY = re.compile(rb';\s*boundary="?([^";]{1,70})"?\s*(?:;|$)', re.IGNORECASE)
_FIELD = re.compile(rb'^content-disposition:\s*form-data\s*;.*\bname="([^"]*)"', re.IGNORECASE)
_MALFORMED = "the multipart body is malformed: send files in the field images"


def files(body: bytes, content_type: bytes, *, field: bytes, limit: int) -> list[bytes]:
    """Cut out each part's content; raises BadRequest, also for other fields and no file."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise BadRequest("multipart/form-data needs its boundary in Content-Type")
    delimiter = b"--" + found[1]
    if body.count(delimiter) > limit + 1:
        raise BadRequest(f"more than {limit} files")
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):  # noqa: PLR2004 -- preamble, part, end
        raise BadRequest(_MALFORMED)
    return [_content(piece, field) for piece in pieces[1:-1]]


def _content(piece: bytes, field: bytes) -> bytes:
    head, blank, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    names = [found[1] for line in head.split(b"\r\n") if (found := _FIELD.match(line))]
    if not blank or names != [field]:
        raise BadRequest(_MALFORMED)
    return content
