"""Which gRPC status each fault owns; its text is the one that HTTP callers read."""

from grpc import StatusCode

from serving.errors import ServingError, Unavailable

_CODES = {
    400: StatusCode.INVALID_ARGUMENT,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    408: StatusCode.DEADLINE_EXCEEDED,
    413: StatusCode.RESOURCE_EXHAUSTED,
    415: StatusCode.INVALID_ARGUMENT,
    499: StatusCode.CANCELLED,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}


def code_of(error: ServingError) -> StatusCode:
    return _CODES.get(error.status, StatusCode.INTERNAL)


def metadata_of(error: ServingError) -> tuple[tuple[str, str], ...]:
    """What goes behind the status: when to come again (for clients' own retries, gRFC A6)."""
    if not isinstance(error, Unavailable):
        return ()
    seconds = error.retry_after_s
    return (("retry-after", str(seconds)), ("grpc-retry-pushback-ms", str(1000 * seconds)))
