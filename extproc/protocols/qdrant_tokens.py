"""Tokens for Qdrant, signed with its own key: one request is let do there what was decided here, and no more.

Qdrant takes a JWT in the place of its key (HS256, `service.jwt_rbac`), with a time after which it is void, and with the
collections that it reaches. Whatever reads, counts or changes records gets one for the collections of its operations, each to
be read, or read and written; a mistake of this gateway's then ends at their borders. For the rest Qdrant knows nothing
narrower, so that gets one to read everything, or to manage it, for the same few seconds. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from joserfc import jwt
from joserfc.jwk import OctKey

from extproc.operation import Operation

LIFETIME: Final = 60
"""Seconds; as many as two clocks may differ by."""

HEADER: Final = "api-key"
"""The header in which a token is the whole value."""

_SHOWN: Final = frozenset({"list_collections", "describe_collection", "alias_read"})
"""Actions without records for which reading everything is enough."""

Access = str | list[dict[str, str]]


def mint(key: bytes, operations: Sequence[Operation], subject: str, now: int) -> bytes:
    """Return a token for `operations`, asked for by `subject`, that is good from `now` (Unix seconds) for `LIFETIME`.

    The subject is what Qdrant's own audit log will say.
    """
    claims = {"exp": now + LIFETIME, "subject": subject, "access": access(operations)}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(key)).encode()


def access(operations: Sequence[Operation]) -> Access:
    """Return what a token must reach, in Qdrant's words: collections to be read or written, or all (`r`, `m`)."""
    if all(each.scope == "records" and (each.reads or each.writes) for each in operations):
        read = {name for each in operations for name in each.reads}
        written = {name for each in operations for name in each.writes}
        return [{"collection": name, "access": "rw" if name in written else "r"} for name in sorted(read | written)]
    shown = all(not each.writes and (each.scope == "records" or each.action in _SHOWN) for each in operations)
    return "r" if shown else "m"
