"""What a caller calls its request: X-Request-Id, and W3C Trace Context's traceparent.

Taken where they are well formed, echoed, logged; others are passed over, as the recommendation
says of traceparent.
"""

import re

from serving.wire.messages import Field, Headers

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
_KINDS = ((b"x-request-id", _REQUEST_ID), (b"traceparent", _TRACEPARENT))


def identifiers(headers: Headers) -> tuple[Field, ...]:
    """As the fields that the reply carries, too."""
    if b"x-request-id" not in headers and b"traceparent" not in headers:
        return ()
    return tuple(
        (name, headers[name])
        for name, form in _KINDS
        if name in headers and form.fullmatch(headers[name])
    )
