"""The lawful order of one ext_proc stream, sans I/O.

Events go in one by one; what comes out is an `Opening` (the request's head, its body still to come), a whole `Request`, a whole
`Response`, the `Closing` of one, or None while more of a response is still to come. The table below is the whole law:

  * one request, then one response, each a head and then, unless the head ended it, one body;
  * a response may come although the request's body never did, or without any request: Envoy then made it itself
    (a local reply: too large, no route, a filter before us);
  * in BUFFERED mode one body message is the whole body, whatever its end-of-stream flag says (it is false before trailers);
  * a request has no trailers: one that has some is refused;
  * a response may end in trailers, after its body or, where it has none, after its head;
  * nothing comes after a response has ended.

Any other order is a `StreamError`, after which the stream takes nothing more. Bodies over the limit are refused even if Envoy
let them through. This module knows neither protobuf nor what a request means.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

from extproc.errors import Malformed, StreamError, TooLarge, UpstreamError
from extproc.events import Body, Closing, Event, Fields, Head, Opening, Request, Response, Side, Trailers, Whole


class State(IntEnum):
    """What has been seen of the exchange."""

    NOTHING = auto()
    REQUEST_HEAD = auto()
    REQUEST = auto()
    RESPONSE_HEAD = auto()
    RESPONSE = auto()
    OVER = auto()
    FAILED = auto()


_LAW: Final = {
    # (state, event, its side, does it end its side): next state
    (State.NOTHING, Head, Side.REQUEST, False): State.REQUEST_HEAD,
    (State.NOTHING, Head, Side.REQUEST, True): State.REQUEST,
    (State.NOTHING, Head, Side.RESPONSE, False): State.RESPONSE_HEAD,
    (State.NOTHING, Head, Side.RESPONSE, True): State.OVER,
    (State.REQUEST_HEAD, Body, Side.REQUEST, True): State.REQUEST,
    (State.REQUEST_HEAD, Head, Side.RESPONSE, False): State.RESPONSE_HEAD,
    (State.REQUEST_HEAD, Head, Side.RESPONSE, True): State.OVER,
    (State.REQUEST, Head, Side.RESPONSE, False): State.RESPONSE_HEAD,
    (State.REQUEST, Head, Side.RESPONSE, True): State.OVER,
    (State.RESPONSE_HEAD, Body, Side.RESPONSE, True): State.RESPONSE,
    (State.RESPONSE_HEAD, Trailers, Side.RESPONSE, True): State.OVER,
    (State.RESPONSE, Trailers, Side.RESPONSE, True): State.OVER,
}


class Stream:
    """The state of one ext_proc stream. `max_body` is the largest body, in bytes, that either side may have."""

    def __init__(self, *, max_body: int) -> None:
        self._max_body = max_body
        self._head: Head | None = None
        self.state = State.NOTHING

    def receive(self, event: Event) -> Whole | None:
        """Take the next event; return what is whole now.

        Raises `StreamError` out of order; `Malformed` for a request's trailers and for one without a target; over the limit
        `TooLarge` for a request and `UpstreamError` for a response.
        """
        ends = event.end_of_stream if isinstance(event, Head) else True
        following = _LAW.get((self.state, type(event), event.side, ends))
        if following is None:
            before, self.state = self.state, State.FAILED
            if (type(event), event.side) == (Trailers, Side.REQUEST) and before in {State.REQUEST_HEAD, State.REQUEST}:
                raise Malformed("a request with trailers is not taken", code="trailers_unsupported")
            raise StreamError(f"{event.side.value} {type(event).__name__.lower()} after {before.name.lower()}")
        before, self.state = self.state, following
        match event:
            case Head():
                return self._take_head(event)
            case Body():
                return self._take_body(event)
            case Trailers() if before is State.RESPONSE:
                return Closing(fields=event.fields)
            case Trailers():
                return self._whole(self._begun(), b"", event.fields)

    def _take_head(self, head: Head) -> Whole | None:
        self._head = head
        if head.side is Side.REQUEST and not head.values(":path"):  # CONNECT has none (RFC 9113 section 8.5)
            self.state = State.FAILED
            raise Malformed("a request without a target is not taken", code="target_missing")
        if head.end_of_stream:
            return self._whole(head, b"")
        return Opening(head=head) if head.side is Side.REQUEST else None

    def _take_body(self, body: Body) -> Whole:
        if len(body.data) > self._max_body:
            if body.side is Side.REQUEST:
                raise TooLarge("the request's body is over limits.body")
            raise UpstreamError("the answer is over limits.body", code="answer_too_large")
        return self._whole(self._begun(), body.data)

    def _begun(self) -> Head:
        if self._head is None:  # pragma: no cover - the law has no body and no trailers without a head
            raise StreamError("a message without a head")
        return self._head

    def _whole(self, head: Head, body: bytes, trailers: Fields = ()) -> Whole:
        if head.side is Side.REQUEST:
            return Request(method=_one(head, ":method"), target=_one(head, ":path"), head=head, body=body)
        status = _one(head, ":status")
        if not (len(status) == 3 and status.isascii() and status.isdigit()):  # noqa: PLR2004 - RFC 9110 section 15
            self.state = State.FAILED
            raise StreamError("a response without a status")
        return Response(status=int(status), head=head, body=body, trailers=trailers)


def _one(head: Head, name: str) -> str:
    """Return the one value of a pseudo field; latin-1, so that every byte is kept and judged by whoever reads it."""
    found = head.values(name)
    if len(found) != 1:
        raise StreamError(f"{len(found)} fields {name}")
    return found[0].decode("latin-1")
