"""Base64 as libraries of all kinds write it comes back as the bytes that went in."""

import base64
import textwrap
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.dialects.base64_text import decoded, of_string
from serving.errors import BadRequest

ENDS = st.sampled_from(["\n", "\r\n", " ", "\t", "\r\n\t"])


@given(st.binary(max_size=300), st.booleans(), st.booleans(), st.integers(1, 80), ENDS)
def test_every_form_is_read(
    content: bytes,
    is_url_alphabet: bool,  # noqa: FBT001 -- hypothesis gives it
    is_padded: bool,  # noqa: FBT001 -- likewise
    width: int,
    end: str,
) -> None:
    """Either alphabet, padded or bare, in lines of any width: one content."""
    encode = base64.urlsafe_b64encode if is_url_alphabet else base64.b64encode
    text = encode(content).decode()
    text = text if is_padded else text.rstrip("=")
    lines = end.join(text[at : at + width] for at in range(0, len(text), width)) + end
    assert of_string(lines) == content


@given(st.binary(max_size=200), st.booleans())
def test_a_data_url_is_read(content: bytes, is_quoted: bool) -> None:  # noqa: FBT001 -- hypothesis
    """With any media type, with percent signs where a URL has them, or without base64 at all."""
    packed = base64.b64encode(content).decode()
    for head in ("data:image/png;base64,", "DATA:;Base64,", " data:image/webp;name=a;base64,"):
        assert of_string(head + (quote(packed, safe="") if is_quoted else packed)) == content
    assert of_string("data:image/svg+xml," + quote(content)) == content


def test_mime_lines_are_read() -> None:
    """`base64 FILE` breaks at 76 characters, MIME libraries with CR LF."""
    content = bytes(range(256)) * 3
    text = base64.b64encode(content).decode()
    assert of_string("\r\n".join(textwrap.wrap(text, 76))) == content
    assert of_string("aGk===\n") == b"hi"


@pytest.mark.parametrize(
    "text",
    ["!", "A", "AAAAA", "AB=CD", "AAAA!AAA", "data:", "data:image/png;base64", "data:;base64,A",
     "data:;base64,data:;base64,AAAA", "ÄÄÄÄ", "data:" + "x" * 300 + ",AAAA"],
)  # fmt: skip
def test_what_is_no_base64_is_refused(text: str) -> None:
    """The reply says what is wanted, and repeats nothing."""
    with pytest.raises(BadRequest, match="base64 of a picture's file") as caught:
        of_string(text)
    assert text not in str(caught.value) or len(text) < 6


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    """No other exception comes out."""
    try:
        assert isinstance(decoded(text), bytes)
    except BadRequest:
        return
