"""Bytes of one connection → Requests; refuses whatever is too large, ambiguous or malformed."""

import httptools

from serving.context import Context
from serving.errors import BadRequest, ServingError, UriTooLong
from serving.wire import head
from serving.wire.body import Body
from serving.wire.budget import Budget
from serving.wire.limits import Limits, Phase
from serving.wire.messages import Headers, Request, Target
from serving.wire.repeating import Judge, Known, Watch

_THROWN_AWAY_BYTES = 64 << 10  # of a refused request's body, so that its connection goes on


class _EnoughError(Exception):
    """Nothing that follows will be read."""


class RequestReader:
    """Feed it; whole requests gather in `complete`, refused ones as soon as their head is there.

    After an error nothing of the connection can be read any more: answer, then close.
    """

    def __init__(self, limits: Limits, budget: Budget, judge: Judge, client: str = "") -> None:
        self.complete: list[Request] = []
        self.phase = Phase.IDLE
        self.awaits_continue = False  # the client holds its body back until it is asked for
        self.throws_away = False  # the rest of a request that has its refusal already
        self._judge = judge
        self.body = Body(limits.body_bytes, budget)
        self._parser = httptools.HttpRequestParser(self)
        self._client = client
        self._over = False
        self._finished = 0  # requests, since the connection was idle
        self._offers = False  # another protocol, so the head will be fed again without it
        self._keeps = True  # the connection, after this request
        self._method = self._path = ""
        self._query = b""
        self._target: Target | None = None
        self._watch = Watch()
        self._known: Known | None = None
        self._lacks_bytes = 0  # of a known head's body
        self._start()

    def _start(self) -> None:
        self._url = b""
        self._headers: Headers = {}
        self._head_bytes = 0
        self._head_lines = 0
        self._fed_bytes = 0  # since the head began

    def feed(self, data: bytes) -> None:
        """Raise the ServingError that the caller must read before the connection closes."""
        at = 0
        while self._known is not None and at < len(data) and not self._over:
            if self._lacks_bytes:
                at = self._go_on(data, at)
            elif self.phase is Phase.IDLE and data.startswith(self._known.head, at):
                at = self._begin_again(data, at, self._known)
            else:
                break
        if at < len(data):
            self._parse(data[at:])

    def _begin_again(self, data: bytes, at: int, known: Known) -> int:
        """Take up a request whose head is known; give where the next bytes begin."""
        if not known.begin(self._judge):
            self._known = None
            return at
        self.phase = Phase.BODY
        self.body.expect(known.length)
        self._lacks_bytes = known.length
        return self._go_on(data, at + len(known.head))

    def _go_on(self, data: bytes, at: int) -> int:
        part = data[at : at + self._lacks_bytes]
        if part:
            self.body.add(part)
            self._lacks_bytes -= len(part)
        if not self._lacks_bytes and self._known is not None:
            self.phase = Phase.IDLE
            self.complete.append(self._known.request(self.body.taken()))
        return at + len(part)

    def _parse(self, data: bytes) -> None:
        if self.phase is Phase.IDLE:
            self._watch.begin(data)
            self._finished = 0
        while not self._over:
            self._watch.add(len(data))
            try:
                self._feed(data)
            except httptools.HttpParserUpgrade as offer:
                data = self._declined() + data[offer.args[0] :]
            else:
                break
        if self._finished == 1 and self.phase is Phase.IDLE and self.complete:
            self._known = self._watch.known(self.complete[-1])

    def _feed(self, data: bytes) -> None:
        finished = self._finished
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise
        except httptools.HttpParserCallbackError as error:
            self._over = True
            cause = error.__context__
            if isinstance(cause, _EnoughError):
                return
            raise cause if isinstance(cause, ServingError) else error from None
        except httptools.HttpParserError:
            if self._over:
                return  # bytes after a request that asked to close
            self._over = True
            raise BadRequest(
                "the request is not valid HTTP/1.1, or its length is ambiguous "
                "(one Content-Length, or Transfer-Encoding: chunked, never both)"
            ) from None
        if self.phase is Phase.HEAD and self._finished == finished:  # else most is not the head's
            self._fed_bytes += len(data)
            if self._fed_bytes > head.HEAD_BYTES + head.URL_BYTES:
                raise head.too_large()

    def _declined(self) -> bytes:
        """Give the head again without its offer of another protocol, to a parser that had none."""
        parser, self._parser = self._parser, httptools.HttpRequestParser(self)
        version = parser.get_http_version()
        return head.without_offer(parser.get_method(), self._url, version, self._headers)

    # Callbacks of httptools, in their order.

    def on_message_begin(self) -> None:
        self._start()
        self.phase = Phase.HEAD

    def on_url(self, part: bytes) -> None:
        self._url += part
        if len(self._url) > head.URL_BYTES:
            raise UriTooLong(f"the URL is longer than {head.URL_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        self._head_lines += 1
        if self._head_bytes > head.HEAD_BYTES or self._head_lines > head.HEAD_LINES:
            raise head.too_large()
        if self.phase is Phase.BODY:
            return  # a trailer: bounded, and never trusted as a header
        name = name.lower()
        if name not in self._headers:
            self._headers[name] = value
        elif name in head.ONCE:
            raise BadRequest(f"the field {name.decode()} is given twice: give it once")
        else:
            self._headers[name] += b", " + value

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, self._headers
        self._method = parser.get_method().decode()
        is_tunnel = self._method == "CONNECT"
        self._offers = not is_tunnel and parser.should_upgrade()
        if self._offers:
            return
        is_old = parser.get_http_version() != "1.1"
        if b"host" not in headers and not is_old:
            raise BadRequest("the request has no Host field: HTTP/1.1 asks for one")
        # HTTP/1.0's keep-alive would have to be confirmed in the reply: not worth it
        self._keeps = parser.should_keep_alive() and not (is_old or is_tunnel)
        length = head.body_length(headers)
        path, _, self._query = self._url.partition(b"?")
        self._path = head.path_of(path)
        self._target = self._judge(self._method, self._path, headers)
        self.phase = Phase.BODY
        expects = b"expect" in headers and headers[b"expect"].lower() == b"100-continue"
        refusal = self._target.refusal
        if refusal is None and not self.body.expect(length):
            refusal = self.body.too_large()
        if refusal is None:
            self.awaits_continue = expects and length != 0 and not is_old
        else:
            is_short = length is not None and length <= _THROWN_AWAY_BYTES
            self._turn_away(refusal, goes_on=is_short and not expects)

    def _turn_away(self, refusal: ServingError, *, goes_on: bool) -> None:
        """Let the refusal be answered now; what follows is thrown away, up to the next head or all.

        A client that asked whether to send its body may send none: what comes next is then unclear.
        """
        keep_alive = goes_on and not refusal.closes and self._keeps
        self.complete.append(self._request(keep_alive=keep_alive, refusal=refusal))
        if not keep_alive:
            self.phase = Phase.IDLE
            raise _EnoughError
        self.throws_away = True

    def on_body(self, part: bytes) -> None:
        if self.throws_away:
            return
        self.awaits_continue = False
        self.body.add(part)

    def on_message_complete(self) -> None:
        if self._offers:
            return
        self.phase = Phase.IDLE
        self._finished += 1
        if self.throws_away:
            self.throws_away = False
            return
        self.awaits_continue = False
        self._over = not self._keeps
        self.complete.append(self._request(keep_alive=self._keeps, body=self.body.taken()))

    def _request(
        self, *, keep_alive: bool, body: bytes = b"", refusal: ServingError | None = None
    ) -> Request:
        if self._target is None:
            raise RuntimeError("a request is whole before its head was judged")
        return Request(
            self._method,
            self._path,
            self._query,
            self._headers,
            body,
            keep_alive,
            self._client,
            self._target,
            Context(),
            refusal,
        )
