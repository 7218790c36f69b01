"""What can go wrong between bytes and probabilities, and which HTTP status each fault owns.

    bytes ──► request ──► uint8 array ──► queue ──► probabilities ──► reply
      │          │             │            │
      │          │             │            ├─ Unavailable           503 + Retry-After
      │          │             │            ├─ TooManyImages         413
      │          │             │            ├─ ClientLeft            499, for the log alone
      │          │             │            └─ DeadlineExceeded      504
      │          │             ├─ BadRequest                         400
      │          │             ├─ TooLarge          (also by pixels) 413
      │          │             └─ UnsupportedMediaType               415
      │          ├─ Unauthorized 401 · Forbidden 403 · NotFound 404 · MethodNotAllowed 405 + Allow
      │          └─ BadRequest 400
      ├─ TooSlow 408 · TooLarge 413 · UriTooLong 414 · HeadersTooLarge 431   (the connection closes)
      └─ BadRequest 400

A message says what was wrong and what is allowed. It goes to the caller as it stands, so it
names no file and repeats nothing that the caller sent.
"""

# ruff: noqa: N818 -- the classes bear the names of the HTTP statuses that they own

from typing import ClassVar

HANGS = 4  # exit status: a run of the model never returned


class ServingError(Exception):
    """A fault with an HTTP status; `str(error)` is the text that the caller reads."""

    status: ClassVar[int] = 500
    closes: ClassVar[bool] = False  # the rest of the connection's bytes cannot be trusted or read

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Fields that the reply carries beside the usual ones."""
        return ()


class BadRequest(ServingError):
    """Malformed, or of the wrong shape, datatype or number."""

    status = 400


class Unauthorized(ServingError):
    """An API key is set, and the request has none or another one."""

    status = 401

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return (("WWW-Authenticate", "Bearer"),)


class Forbidden(ServingError):
    """A Host that is not served, or a page of another site that wants to change something."""

    status = 403


class NotFound(ServingError):
    """No such path, model or version."""

    status = 404


class MethodNotAllowed(ServingError):
    """The path exists, with other methods."""

    status = 405

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = ", ".join(allowed)
        super().__init__(f"this path allows {self.allowed} only")

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return (("Allow", self.allowed),)


class TooSlow(ServingError):
    """Headers or body did not arrive before their deadline."""

    status = 408
    closes = True


class TooLarge(ServingError):
    """Body, decompressed body or picture above its limit."""

    status = 413
    closes = True


class TooManyImages(ServingError):
    """More images than can be answered in time, however idle the server is."""

    status = 413


class UriTooLong(ServingError):
    status = 414
    closes = True


class UnsupportedMediaType(ServingError):
    """A content type or coding that this path does not read."""

    status = 415


class HeadersTooLarge(ServingError):
    status = 431
    closes = True


class ClientLeft(ServingError):
    """Nobody waits for the answer any more (the number is nginx's; RFC 9110 has none for it)."""

    status = 499


class Unavailable(ServingError):
    """Queue full, server draining, or no model yet: the same request may succeed later."""

    status = 503

    def __init__(self, text: str, *, retry_after_s: int = 1) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return (("Retry-After", str(self.retry_after_s)),)


class DeadlineExceeded(ServingError):
    """No answer before the deadline, against what was expected when the request was let in."""

    status = 504


class ModelRefused(Exception):
    """A model file that is missing, unreadable, off contract, or fails its self-test."""


class SettingsRefused(Exception):
    """A flag or SERVING_* variable whose value is not allowed."""
