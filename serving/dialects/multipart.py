"""multipart/form-data bodies (RFC 7578) → the bytes of the files in them, in order.

The parser is python-multipart's. What it leaves open is bounded here, before it runs: how many
parts, and how much white space behind a delimiter.
"""

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from serving.dialects import base64_text
from serving.errors import BadRequest

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELDS = ("image", "images", "file")
_MOST_HEADERS = 8  # of one part
_HEADER_BYTES = 4096  # of one line
_BOUNDARY_BYTES = 70  # RFC 2046, section 5.1.1
_PADDING = re.compile(rb"[ \t]{65}")
_INDEX = re.compile(r"\[\d{0,4}\]$")  # images[], images[0]
_BINARY = {b"", b"binary", b"8bit", b"7bit"}
_MALFORMED = "the multipart body is malformed or cut short: send files in the field images"
_SILENT = logging.Logger("multipart", logging.CRITICAL + 1)  # noqa: LOG001 -- what callers sent is not logged


@dataclass(slots=True)
class _Parts:
    """What the parser's callbacks gather."""

    contents: list[bytes] = field(default_factory=list)
    is_whole: bool = False
    _pieces: list[bytes] = field(default_factory=list)
    _name: bytes = b""
    _value: bytes = b""
    _headers: dict[bytes, bytes] = field(default_factory=dict)

    def begin(self) -> None:
        self._pieces, self._headers = [], {}
        self._name = self._value = b""

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        name = self._name.lower()
        if name in self._headers:
            raise BadRequest("a part of the multipart body has the same header twice")
        self._headers[name] = self._value
        self._name = self._value = b""

    def data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def end(self) -> None:
        _check_field(self._headers.get(b"content-disposition", b""))
        content = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        coding = self._headers.get(b"content-transfer-encoding", b"").strip().lower()
        if coding == b"base64" or base64_text.is_url(content):
            content = base64_text.decoded(content)
        elif coding not in _BINARY:
            raise BadRequest("Content-Transfer-Encoding of a part must be binary or base64")
        self.contents.append(content)

    def finish(self) -> None:
        self.is_whole = True

    @property
    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self.begin,
            "on_header_field": self.header_field,
            "on_header_value": self.header_value,
            "on_header_end": self.header_end,
            "on_part_data": self.data,
            "on_part_end": self.end,
            "on_end": self.finish,
        }


def files(body: bytes, content_type: bytes, *, limit: int) -> list[bytes]:
    """Cut out each part's content; raises BadRequest, also for other fields and for no file."""
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 1 <= len(boundary) <= _BOUNDARY_BYTES:
        raise BadRequest("multipart/form-data needs a boundary of 1 to 70 bytes in Content-Type")
    start = _first_delimiter(body, b"--" + boundary)
    _check_delimiters(body, b"\r\n--" + boundary, start, limit)
    parts = _Parts()
    parser = MultipartParser(
        boundary,
        parts.callbacks,
        max_header_count=_MOST_HEADERS,
        max_header_size=_HEADER_BYTES,
    )
    parser.logger = _SILENT
    try:
        parser.write(body[start:] if start else body)
    except FormParserError:
        raise BadRequest(_MALFORMED) from None
    if not parts.is_whole or not parts.contents:
        raise BadRequest(_MALFORMED)
    return parts.contents


def _first_delimiter(body: bytes, delimiter: bytes) -> int:
    """Skip the preamble, which mail readers of old were shown."""
    if body.startswith(delimiter):
        return 0
    found = body.find(b"\r\n" + delimiter)
    if found < 0:
        if b"\n" + delimiter in body:
            raise BadRequest("lines of a multipart body must end with CR LF")
        raise BadRequest(_MALFORMED)
    return found + 2


def _check_delimiters(body: bytes, delimiter: bytes, start: int, limit: int) -> None:
    """Bound what the parser would walk through byte by byte."""
    at, count = start, 1
    while (at := body.find(delimiter, at)) >= 0:
        at += len(delimiter)
        count += 1
        if count > limit + 1:
            raise BadRequest(f"more than {limit} files: send up to {limit} in one request")
        if _PADDING.match(body, at):
            raise BadRequest(_MALFORMED)


def _check_field(disposition: bytes) -> None:
    kind, options = parse_options_header(disposition)
    name = _INDEX.sub("", options.get(b"name", b"").decode("latin-1"))
    if kind != b"form-data" or name not in FIELDS:
        raise BadRequest(f"files must be in the fields {', '.join(FIELDS)}: no other is read")
