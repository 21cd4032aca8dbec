"""An error of the database: what a client is told is one of a few sentences, and quotes nothing of the answer."""

from __future__ import annotations

from typing import Final

import msgspec

from extproc.protocols.chroma_errors import masked
from fuzz.chroma import ADAPTER, response
from fuzz.framing import headed
from fuzz.mutation import tree as mutate

_NAMES: Final = (
    "AuthError AuthorizationError BatchSizeExceededError ChromaError DuplicateID IDAlreadyExists InternalError "
    "InvalidArgumentError InvalidDimension InvalidHTTPVersion InvalidUUID NotFoundError QuotaError RateLimitError "
    "UniqueConstraintError VersionMismatchError"
)
"""What the official client raises by."""

_LEAST, _MOST = 100, 999
_GENERIC: Final = masked(response(500, b"no JSON"))

__all__ = ["check", "mutate"]


def check(data: bytes) -> None:
    """Read an error whose status is the first three digits of the head."""
    (first, *_), body = headed(data)
    status = int(first[:3]) if first[:3].isdigit() else 500
    told = ADAPTER.read_error(response(min(max(status, _LEAST), _MOST), body))
    if told == _GENERIC:
        return
    found = msgspec.json.decode(told.body)
    assert sorted(found) == ["error", "message"]
    assert found["error"] in _NAMES.split()
    assert (told.status, 400 <= status < 600) == (status, True)
    # Nothing but the error's name comes of the body: with any other text around it the same is told.
    bare = ADAPTER.read_error(response(status, msgspec.json.encode({"error": found["error"], "message": ""})))
    assert bare == told
