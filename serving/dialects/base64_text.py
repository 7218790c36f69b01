"""Files as text: base64 as any library writes it, and data: URLs (RFC 4648, RFC 2397)."""

import base64
import binascii
from urllib.parse import unquote_to_bytes

from contract.reading.signatures import format_of
from serving.errors import BadRequest

_WHITE = b" \t\r\n\f\v"
_LEAST = b"\t"  # of the characters that may begin a text; raw pixels often begin with 0
_URL_ALPHABET = bytes.maketrans(b"-_", b"+/")
_URL = b"data:"
_LONGEST_HEAD = 256  # bytes of a data: URL before its comma
_START = 64  # characters that show which format it is
_WANTED = "base64 of a picture's file, or a data: URL with base64, is wanted"


def is_url(text: bytes) -> bool:
    return text[:64].lstrip(_WHITE)[: len(_URL)].lower() == _URL


def is_picture(text: bytes) -> bool:
    """Whether it begins as a data: URL or a picture's file in base64: raw pixels never do."""
    if text[:1] < _LEAST:
        return False
    if is_url(text):
        return True
    packed = text[: 2 * _START].translate(_URL_ALPHABET, _WHITE)[:_START]
    try:
        return format_of(base64.b64decode(packed, validate=True)) is not None
    except (ValueError, binascii.Error):
        return False


def decoded(text: bytes) -> bytes:
    """Read base64 of either alphabet, padded or not, in lines or not; raises BadRequest."""
    if is_url(text):
        return _of_url(text.strip(_WHITE))
    packed = text.translate(_URL_ALPHABET, _WHITE).rstrip(b"=")
    if len(packed) % 4 == 1:
        raise BadRequest(f"the text is no base64, or cut short: {_WANTED}")
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise BadRequest(f"the text is no base64: {_WANTED}") from None


def of_string(string: str) -> bytes:
    """Likewise of a JSON string."""
    try:
        return decoded(string.encode("ascii"))
    except UnicodeEncodeError:
        raise BadRequest(f"the text is no base64: {_WANTED}") from None


def _of_url(url: bytes) -> bytes:
    comma = url.find(b",", 0, _LONGEST_HEAD)
    if comma < 0:
        raise BadRequest(f"the data: URL has no comma: {_WANTED}")
    content = unquote_to_bytes(url[comma + 1 :]) if b"%" in url[comma:] else url[comma + 1 :]
    if url[:comma].rstrip(_WHITE).lower().endswith(b";base64"):
        if is_url(content):
            raise BadRequest(f"a data: URL inside another: {_WANTED}")
        return decoded(content)
    return content
