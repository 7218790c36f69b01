"""multipart/form-data as HTTP clients write it, byte by byte, and what is no such body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.dialects.multipart import files
from serving.errors import BadRequest

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR-\r\n--\r\n-\n--b \r\nend"
LIMIT = 4

# Recorded from each client; {} is where the file stands.
CLIENTS: dict[str, tuple[str, bytes]] = {
    ".NET MultipartFormDataContent": (
        'multipart/form-data; boundary="b"',
        (
            b"--b\r\nContent-Disposition: form-data; name=images; filename=seven.png; "
            b"filename*=utf-8''seven.png\r\n\r\n{}\r\n--b--\r\n"
        ),
    ),
    ".NET with a GUID": (
        'multipart/form-data; boundary="7c0ff0ab-26f5-4a2f-8d4b-8bd3d1a1f0aa"',
        (
            b"--7c0ff0ab-26f5-4a2f-8d4b-8bd3d1a1f0aa\r\nContent-Type: image/png\r\n"
            b"Content-Disposition: form-data; name=file; filename=a.png; "
            b"filename*=utf-8''a.png\r\n\r\n"
            b"{}\r\n--7c0ff0ab-26f5-4a2f-8d4b-8bd3d1a1f0aa--\r\n"
        ),
    ),
    "curl -F": (
        "multipart/form-data; boundary=------------------------d74496d66958873e",
        (
            b"--------------------------d74496d66958873e\r\n"
            b'Content-Disposition: form-data; name="images"; filename="seven.png"\r\n'
            b"Content-Type: image/png\r\n\r\n{}\r\n--------------------------d74496d66958873e--\r\n"
        ),
    ),
    "requests": (
        "multipart/form-data; boundary=2f2e2b6f0cdd4b9a9a2d5f1e1c2c8d7f",
        (
            b"--2f2e2b6f0cdd4b9a9a2d5f1e1c2c8d7f\r\n"
            b'Content-Disposition: form-data; name="image"; filename="seven.png"\r\n\r\n'
            b"{}\r\n--2f2e2b6f0cdd4b9a9a2d5f1e1c2c8d7f--\r\n"
        ),
    ),
    "aiohttp": (
        "multipart/form-data; boundary=5e3c2a0ff8d1455cb9a53b3f4bca0e9d",
        (
            b"--5e3c2a0ff8d1455cb9a53b3f4bca0e9d\r\nContent-Type: application/octet-stream\r\n"
            b'Content-Disposition: form-data; name="file"; filename="seven.png"; '
            b"filename*=utf-8''seven.png\r\nContent-Length: 42\r\n\r\n"
            b"{}\r\n--5e3c2a0ff8d1455cb9a53b3f4bca0e9d--\r\n"
        ),
    ),
    "a browser": (
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        (
            b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
            b'Content-Disposition: form-data; name="images[]"; filename="blob"\r\n'
            b"Content-Type: image/png\r\n\r\n{}\r\n------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n"
        ),
    ),
    "Java (Apache)": (
        "multipart/form-data; charset=ISO-8859-1; boundary=-AbC_09",
        (
            b'---AbC_09\r\nContent-Disposition: form-data; name="images"; filename="a;b.png"\r\n'
            b"Content-Type: application/octet-stream; charset=ISO-8859-1\r\n"
            b"Content-Transfer-Encoding: binary\r\n\r\n{}\r\n---AbC_09--\r\n"
        ),
    ),
    "lower case, no end of line": (
        "Multipart/Form-Data;BOUNDARY=x",
        b'--x\r\ncontent-disposition:form-data;name="images"\r\n\r\n{}\r\n--x--',
    ),
    "preamble and epilogue": (
        "multipart/form-data; boundary=x",
        (
            b"This is a message in MIME format.\r\n--x\r\n"
            b"Content-Disposition: form-data; name=image\r\n\r\n{}\r\n--x--\r\nThe end. --x\r\n"
        ),
    ),
    "padding behind the delimiter": (
        "multipart/form-data; boundary=x",
        (
            b"--x\r\nContent-Disposition: form-data; name=image\r\n\r\n{}\r\n--x \t\r\n"
            b"Content-Disposition: form-data; name=image\r\n\r\nsecond\r\n--x--\r\n"
        ),
    ),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_is_understood(client: str) -> None:
    """Names with quotes or without, boundaries likewise: the file comes out byte by byte."""
    content_type, body = CLIENTS[client]
    found = files(body.replace(b"{}", PNG), content_type.encode(), limit=LIMIT)
    assert found[0] == PNG
    assert found[1:] in ([], [b"second"])


def part(name: str = "images", content: bytes = PNG, more: bytes = b"") -> bytes:
    head = f'--e\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode()
    return head + more + b"\r\n" + content + b"\r\n"


def is_plain(content: bytes) -> bool:
    """Neither a delimiter nor a data: URL, which would be unpacked."""
    return b"--edge" not in content and not content.lstrip().lower().startswith(b"data:")


@given(st.lists(st.binary(max_size=40).filter(is_plain), min_size=1, max_size=LIMIT))
def test_any_bytes_come_back_in_order(contents: list[bytes]) -> None:
    """Whatever the files hold."""
    body = b"".join([part(content=one).replace(b"--e\r", b"--edge\r", 1) for one in contents])
    content_type = b"multipart/form-data; boundary=edge"
    assert files(body + b"--edge--", content_type, limit=LIMIT) == contents


@pytest.mark.parametrize("name", ["image", "images", "file", "images[]", "images[3]", "file[0]"])
def test_these_fields_are_read(name: str) -> None:
    """Frameworks add an index to the name of a list."""
    assert files(part(name) + b"--e--", b"multipart/form-data; boundary=e", limit=1) == [PNG]


def test_text_in_a_field_may_be_a_data_url_or_base64() -> None:
    """What a form's text field holds."""
    body = part(content=b"data:image/png;base64,aGk=") + part(
        content=b"aGk=", more=b"Content-Transfer-Encoding: base64\r\n"
    )
    assert files(body + b"--e--", b"multipart/form-data; boundary=e", limit=2) == [b"hi", b"hi"]


BAD = {
    "no boundary": (b"multipart/form-data", part() + b"--e--"),
    "empty boundary": (b'multipart/form-data; boundary=""', part() + b"--e--"),
    "long boundary": (b"multipart/form-data; boundary=" + b"e" * 71, part() + b"--e--"),
    "empty": (b"multipart/form-data; boundary=e", b""),
    "no part": (b"multipart/form-data; boundary=e", b"--e--\r\n"),
    "no end": (b"multipart/form-data; boundary=e", part()),
    "second without end": (b"multipart/form-data; boundary=e", part() + part()),
    "half an end": (b"multipart/form-data; boundary=e", part() + b"--e-"),
    "other field": (b"multipart/form-data; boundary=e", part("label") + b"--e--"),
    "no field": (b"multipart/form-data; boundary=e", b"--e\r\n\r\nx\r\n--e--"),
    "bare LF": (b"multipart/form-data; boundary=e", b"\n" + part().replace(b"\r\n", b"\n")),
    "too many": (b"multipart/form-data; boundary=e", part() * 5 + b"--e--"),
    "many headers": (
        b"multipart/form-data; boundary=e",
        part(more=b"".join(b"X-%d: y\r\n" % n for n in range(9))) + b"--e--",
    ),
    "long header": (
        b"multipart/form-data; boundary=e",
        part(more=b"X: " + b"y" * 5000 + b"\r\n") + b"--e--",
    ),
    "header twice": (
        b"multipart/form-data; boundary=e",
        part(more=b'Content-Disposition: form-data; name="file"\r\n') + b"--e--",
    ),
    "quoted-printable": (
        b"multipart/form-data; boundary=e",
        part(more=b"Content-Transfer-Encoding: quoted-printable\r\n") + b"--e--",
    ),
    "padding": (b"multipart/form-data; boundary=e", part() + b"--e" + b" " * 10**6 + b"\r\n"),
    "delimiters": (b"multipart/form-data; boundary=e", part() + b"\r\n--eX" * 10**6),
}


@pytest.mark.parametrize("case", BAD)
def test_anything_else_is_refused(case: str) -> None:
    """Soon, with what is allowed, and nothing of the caller's in the text."""
    content_type, body = BAD[case]
    with pytest.raises(BadRequest) as caught:
        files(body, content_type, limit=LIMIT)
    assert "label" not in str(caught.value)
    if case.endswith("field"):
        assert "image, images, file" in str(caught.value)


def test_any_cut_of_a_body_is_refused() -> None:
    """Up to the last hyphen."""
    content_type, body = CLIENTS[".NET MultipartFormDataContent"]
    whole = body.replace(b"{}", PNG)
    for end in range(len(whole) - 2):
        with pytest.raises(BadRequest):
            files(whole[:end], content_type.encode(), limit=LIMIT)
