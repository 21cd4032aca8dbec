"""What a Chroma client is told when something is not done: by the gateway, or by the database with its values masked.

Chroma's errors are ``{"error": NAME, "message": TEXT}``. The official clients raise by the name, so a name of theirs is kept;
the text may echo filters, ids and documents, so it never is. A name that they do not know they would raise as a bare
`Exception`.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from extproc.errors import Unauthenticated
from extproc.events import Fields, Immediate, Response
from extproc.protocols.adapter import Denial, json_immediate

_FIRST_ERROR: Final = 400
_LAST_ERROR: Final = 599

_MESSAGES: Final = {
    "AuthError": "the database refuses its own credential",
    "AuthorizationError": "the database refuses its own credential",
    "BatchSizeExceededError": "the request holds more records than the database takes at once",
    "ChromaError": "the database refused the request",
    "DuplicateID": "an id comes twice in the request",
    "IDAlreadyExists": "an id already exists",
    "InternalError": "the database failed",
    "InvalidArgumentError": "the database found an argument invalid",
    "InvalidDimension": "the vectors are not of the collection's dimension",
    "InvalidHTTPVersion": "the database refused the version of HTTP",
    "InvalidUUID": "an id is not a UUID",
    "NotFoundError": "the database knows no such thing",
    "QuotaError": "a quota of the database is used up",
    "RateLimitError": "the database takes no more requests just now",
    "UniqueConstraintError": "the name already exists",
    "VersionMismatchError": "the database's data has changed meanwhile",
}
"""The names that the official Python client raises by (chromadb 1.5.9, `errors.error_types`), and what they mean."""

_BY_STATUS: Final = {
    409: "it already exists",
    422: "the request does not have the form that the database expects",
    501: "the operation is not implemented by this database",
}
"""What a status says more exactly than the catch-all name ``ChromaError``."""

_NAMES: Final = {
    400: "InvalidArgumentError",
    401: "AuthError",
    403: "AuthError",
    404: "NotFoundError",
    413: "InvalidArgumentError",
    415: "InvalidArgumentError",
}
_FAILURE: Final = "InternalError"

_PLAIN_FIELDS: Final = {"retry-after": re.compile(rb"[0-9]{1,9}"), "chroma-trace-id": re.compile(rb"[0-9a-f-]{1,64}")}
"""Fields of an error that a client needs, in the only form in which they quote nothing; no other field crosses."""


class _Native(msgspec.Struct, frozen=True):
    """The database's own error; what else it holds (indexing status) is not passed on."""

    error: str
    message: str


_native: Final = msgspec.json.Decoder(_Native)


def denial(refusal: Denial) -> Immediate:
    """Return a refusal by the gateway: Chroma's form, our reason and the exchange's id."""
    error = refusal.error
    message = f"denied by Vecgate: {error.code} (exchange {refusal.exchange}): {error}"
    challenge: Fields = (("www-authenticate", b"Bearer"),) if isinstance(error, Unauthenticated) else ()
    return _immediate(error.status, _NAMES.get(error.status, _FAILURE), message, error.code, challenge)


def masked(response: Response) -> Immediate:
    """Return the database's own error without what it quotes; a generic 502 for what is not an error of Chroma's."""
    status = response.status
    if not _FIRST_ERROR <= status <= _LAST_ERROR:
        return _unreadable()
    if not response.body and status in _NAMES:  # an answer to HEAD
        name = _NAMES[status]
    else:
        try:
            found = _native.decode(response.body).error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _unreadable()
        name = found if found in _MESSAGES else "ChromaError"
    message = _BY_STATUS.get(status, _MESSAGES[name]) if name == "ChromaError" else _MESSAGES[name]
    plain: Fields = tuple(
        (field, value)
        for field, form in _PLAIN_FIELDS.items()
        for value in response.head.values(field)[:1]
        if form.fullmatch(value) is not None
    )
    return _immediate(status, name, message, "database_error", plain)


def _unreadable() -> Immediate:
    return _immediate(502, _FAILURE, "the database's error cannot be passed on", "database_error_unreadable")


def _immediate(status: int, name: str, message: str, details: str, extra: Fields = ()) -> Immediate:
    return json_immediate(status, msgspec.json.encode({"error": name, "message": message}), details, extra)
