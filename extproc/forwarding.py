"""Which header fields cross the gateway, and with what changes. Pure.

Towards the database goes a short list of fields and the gateway's own credential; everything else a client sent stays here:
its token, cookies, method overrides, impersonation and routing fields, whatever a database may come to read one day. Towards
the client goes what the database sent, less what a rewritten body makes untrue.
"""

from __future__ import annotations

import functools
from typing import Final

from extproc.errors import UpstreamError
from extproc.events import Fields, Head, Replace
from extproc.protocols.adapter import Outgoing

_FORWARDED: Final = frozenset(
    {
        "accept",
        "content-type",
        "content-length",
        "transfer-encoding",
        "user-agent",
        "x-request-id",
        "traceparent",
        "tracestate",
    }
)
"""What a database needs of a request; `accept-encoding` is not among it, so that answers come readable."""

NOWHERE: Final = b"/vecgate-undecided"
"""A path that no database has."""

_MOST_HEADS: Final = 64
"""How many sets of field names are remembered; whoever chooses the names can make each as large as a head may be."""

_UNTRUE_AFTER_REWRITE: Final = (
    "etag",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
    "accept-ranges",
    "content-encoding",
)

Credential = tuple[str, bytes]
"""The header in which the database expects its key, and the whole value."""


def undecided(head: Head) -> Replace:
    """Return the changes to a head whose body is still to come, before anything is decided.

    Should the rest of the exchange never be asked about, whatever the cause, the database gets a request that means nothing
    to it and shows nothing of the client.
    """
    return Replace(set_fields=((":path", NOWHERE),), remove_fields=_held_back(tuple(head.by_name), None))


def towards_database(head: Head, outgoing: Outgoing, credential: Credential | None) -> Replace:
    """Return the changes that turn the client's request into the canonical one with the gateway's credential."""
    set_fields: list[tuple[str, bytes]] = [(":path", outgoing.target.encode("latin-1"))]
    if outgoing.body is not None and head.values("content-length"):
        set_fields.append(("content-length", str(len(outgoing.body)).encode()))
    if credential is not None:
        set_fields.append(credential)
    return Replace(
        set_fields=tuple(set_fields),
        remove_fields=_held_back(tuple(head.by_name), credential and credential[0]),
        body=outgoing.body,
    )


@functools.lru_cache(maxsize=_MOST_HEADS)
def _held_back(names: tuple[str, ...], credential: str | None) -> tuple[str, ...]:
    """Return those of the fields' `names` that stay here; one client's requests have the same names over and over."""
    kept = _FORWARDED | {credential}
    return tuple(sorted(name for name in names if not name.startswith(":") and name not in kept))


def towards_client(head: Head, body: bytes) -> Replace:
    """Return the changes that put `body` in the place of the database's own."""
    length: Fields = (("content-length", str(len(body)).encode()),) if head.values("content-length") else ()
    removed = tuple(name for name in _UNTRUE_AFTER_REWRITE if head.values(name))
    return Replace(set_fields=length, remove_fields=removed, body=body)


def require_readable(head: Head) -> None:
    """Raise `UpstreamError` for an answer whose content is encoded although nobody offered to decode it."""
    if any(value.strip().lower() not in {b"", b"identity"} for value in head.values("content-encoding")):
        raise UpstreamError("the database's answer is encoded, so it cannot be read and masked", code="answer_encoded")
