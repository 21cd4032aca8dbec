"""Who asks: what Envoy found of the token, which it puts into one header of its own making, and where the request came from.

Envoy takes any header of these names off a request before it sets them, and nobody else reaches the socket. It knows HTTP
headers; what a caller may do is none of its business.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

import msgspec

from extproc.events import Head, Side
from extproc.operation import Context, Principal

VERIFIED_HEADER: Final = "x-vecgate-verified"
"""The filter metadata of Envoy's jwt_authn, as JSON."""
SOURCE_HEADER: Final = "x-vecgate-source"
"""The client's IP address, as Envoy saw it."""
CREDENTIAL_HEADERS: Final = (("authorization", "Bearer "),)
"""Where a caller's token stands."""

_LONGEST_USER_AGENT: Final = 256


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody known, and the circumstances of what is asked; `context.exchange` names the request."""

    principal: Principal
    context: Context


def received(fields: Iterable[tuple[bytes, bytes]], namespace: str) -> Head:
    """Return the head of a request with these header fields; what Envoy verified is metadata in `namespace` again."""
    named = tuple((name.decode("latin-1").lower(), value) for name, value in fields)
    head = Head(side=Side.REQUEST, fields=named, end_of_stream=False)
    try:
        verified = json.loads(b"".join(head.values(VERIFIED_HEADER)))
    except ValueError:
        return head
    return msgspec.structs.replace(head, metadata={namespace: verified}) if isinstance(verified, dict) else head


def circumstances(head: Head, *, time_ns: int, exchange: str) -> Context:
    """Return the circumstances of the request with this head."""
    return Context(
        time_ns=time_ns,
        source=b"".join(head.values(SOURCE_HEADER)).decode("latin-1"),
        user_agent=b" ".join(head.values("user-agent")).decode("latin-1")[:_LONGEST_USER_AGENT],
        approval=None,
        exchange=exchange,
    )
