"""The API key: compared in constant time, taken from either of two usual fields."""

import hmac
from dataclasses import dataclass, field

from serving.wire.messages import Headers


@dataclass(slots=True, frozen=True)
class Key:
    secret: bytes = field(repr=False)

    def opens(self, headers: Headers) -> bool:
        """Whether Authorization: Bearer … or X-API-Key holds the secret."""
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        bearer = token.strip() if scheme.lower() == b"bearer" else b""
        given = bearer or headers.get(b"x-api-key", b"")
        return hmac.compare_digest(given, self.secret)
