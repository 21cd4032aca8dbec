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

_ABOUT_A_BODY: Final = frozenset({"content-type", "transfer-encoding"})
"""What a request without a body must not carry."""

_ABOUT_CHUNKS: Final = frozenset({"transfer-encoding"})
"""What a request must not carry whose body got a length here."""

_NONE: Final = frozenset[str]()

NOWHERE: Final = b"/vecgate-undecided"
"""A path that no database has."""

_MOST_HEADS: Final = 64
"""How many sets of field names are remembered; whoever chooses the names can make each as large as a head may be."""

_UNTRUE_AFTER_REWRITE: Final = frozenset(
    {
        # These tell of the bytes that the database sent.
        "accept-ranges",
        "content-digest",
        "content-encoding",
        "content-md5",
        "digest",
        "etag",
        "last-modified",
        "repr-digest",
        "signature",
        "signature-input",
        # And these let a cache keep what was masked for one caller, some in the place of `cache-control`.
        "cdn-cache-control",
        "expires",
        "surrogate-control",
    }
)
_KEPT_BY_NO_CACHE: Final[Fields] = (("cache-control", b"no-store"),)

Credential = tuple[str, bytes]
"""The header in which the database expects its key, and the whole value."""


def undecided(head: Head) -> Replace:
    """Return the changes to a head whose body is still to come, before anything is decided.

    Should the rest of the exchange never be asked about, whatever the cause, the database gets a request that means nothing
    to it and shows nothing of the client.
    """
    return Replace(set_fields=((":path", NOWHERE),), remove_fields=_held_back(tuple(head.by_name), _NONE, _NONE))


def towards_database(head: Head, outgoing: Outgoing, credential: Credential | None) -> Replace:
    """Return the changes that turn the client's request into the canonical one with the gateway's credential."""
    set_fields: list[tuple[str, bytes]] = [(":path", outgoing.target.encode("latin-1")), *outgoing.fields]
    method = outgoing.method.encode("latin-1")
    if any(value != method for value in head.values(":method")):
        set_fields.append((":method", method))
    body = outgoing.body
    bodiless = body is None and not head.end_of_stream
    if bodiless:
        # The client's body is taken out. A length of zero says so to the database; without one Envoy would send chunks.
        body = b""
        set_fields.append(("content-length", b"0"))
    elif body is not None and (head.values("content-length") or outgoing.content_type is not None):
        set_fields.append(("content-length", str(len(body)).encode()))
    untrue = _ABOUT_A_BODY if bodiless else _NONE
    if outgoing.content_type is not None:
        set_fields.append(("content-type", outgoing.content_type))
        untrue = _ABOUT_CHUNKS
    if credential is not None:
        set_fields.append(credential)
    own = _NONE if credential is None and not outgoing.fields else frozenset(name for name, _ in set_fields)
    removed = _held_back(tuple(head.by_name), own, untrue)
    return Replace(set_fields=tuple(set_fields), remove_fields=removed, body=body)


@functools.lru_cache(maxsize=_MOST_HEADS)
def _held_back(names: tuple[str, ...], own: frozenset[str], untrue: frozenset[str]) -> tuple[str, ...]:
    """Return those of the fields' `names` that stay here; one client's requests have the same names over and over.

    `own` are fields that the gateway sets itself, `untrue` those that what it forwards has made so.
    """
    kept = (_FORWARDED - untrue) | own
    return tuple(sorted(name for name in names if not name.startswith(":") and name not in kept))


def towards_client(head: Head, body: bytes) -> Replace:
    """Return the changes that put `body` in the place of the database's own."""
    length: Fields = (("content-length", str(len(body)).encode()),) if head.values("content-length") else ()
    removed = tuple(sorted(_UNTRUE_AFTER_REWRITE.intersection(head.by_name)))
    return Replace(set_fields=length + _KEPT_BY_NO_CACHE, remove_fields=removed, body=body)


def trailers_towards_client(trailers: Fields, kept: frozenset[str]) -> Replace:
    """Return the changes to an answer's trailers that leave no more than the fields in `kept`."""
    return Replace(remove_fields=tuple(sorted({name for name, _ in trailers} - kept)))


def require_readable(head: Head) -> None:
    """Raise `UpstreamError` for an answer that is encoded or a part of one, although nobody offered to take such."""
    if any(value.strip().lower() not in {b"", b"identity"} for value in head.values("content-encoding")):
        raise UpstreamError("the database's answer is encoded, so it cannot be read and masked", code="answer_encoded")
    if head.values(":status") == [b"206"]:
        raise UpstreamError("the database's answer is a part of one, so it cannot be read and masked", code="answer_partial")
