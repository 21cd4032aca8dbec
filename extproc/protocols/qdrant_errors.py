"""What a Qdrant client is told when something is not done: by the gateway, or by the database with its values masked.

Over REST an error is ``{"status": {"error": TEXT}, "time": 0.0, "result": null}``, over gRPC a status and a message. Clients
raise by the status, so Qdrant's own is kept; its text quotes ids, names and values, so it never is. Nothing is denied with a
status that a client would try again.
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
    400: "the database found the request wrong",
    401: "the database refuses its own credential",
    403: "the database refuses its own credential, or is locked",
    404: "Not found: the database knows no such thing",
    405: "the database does not do this here",
    408: "the database took too long",
    409: "it already exists",
    413: "the request is too large for the database",
    422: "the request does not have the form that the database expects",
    429: "the database takes no more requests just now",
    503: "the database is not ready",
    507: "the database has no more room",
}
"""What Qdrant's statuses mean (`StorageError` as HTTP)."""

_OTHER: Final = "the database failed"

STATUS: Final = {3: 400, 4: 408, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 11: 400, 12: 501, 14: 503, 16: 401}
"""The HTTP status that means what a gRPC status does; of those that are not named, 500."""

_GRPC: Final = {400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 409: 6, 413: 8, 415: 12, 422: 3, 429: 8, 501: 12, 503: 14}
"""The gRPC status that means what an HTTP status does; of those that are not named, 13 (internal)."""

_INTERNAL: Final = 13
_BY_CODE: Final = {"database_late": 4, "database_unreachable": 14}
"""gRPC statuses of what Envoy could not do, which clients know."""

_RETRY_AFTER: Final = re.compile(rb"[0-9]{1,9}")


def denial(refusal: Denial) -> Immediate:
    """Return a refusal by the gateway over REST."""
    error = refusal.error
    challenge: Fields = (("www-authenticate", b"Bearer"),) if isinstance(error, Unauthenticated) else ()
    return _rest(error.status, _told(refusal), error.code, challenge)


def grpc_denial(refusal: Denial) -> Immediate:
    """Return a refusal by the gateway over gRPC."""
    error = refusal.error
    status = _BY_CODE.get(error.code) or _GRPC.get(error.status, _INTERNAL)
    return _grpc(status, error.status, _told(refusal), error.code)


def _told(refusal: Denial) -> str:
    return f"denied by Vecgate: {refusal.error.code} (exchange {refusal.exchange}): {refusal.error}"


def masked(response: Response) -> Immediate:
    """Return the database's own error over REST without what it quotes; a generic 502 for what is no error of Qdrant's."""
    status = response.status
    if not _FIRST_ERROR <= status <= _LAST_ERROR:
        return _rest(502, "the database's error cannot be passed on", "database_error_unreadable")
    return _rest(status, _MESSAGES.get(status, _OTHER), "database_error", _retry_after(response))


def grpc_masked(response: Response) -> Immediate:
    """Return the database's own error over gRPC without what it quotes; status 13 for what is none of gRPC's."""
    found = grpc_status(response)
    if found is None or response.status != 200:  # noqa: PLR2004 - a call that Qdrant has taken is a success of HTTP
        return _grpc(_INTERNAL, 502, "the database's error cannot be passed on", "database_error_unreadable")
    status = STATUS.get(found, 500)
    return _grpc(found, status, _MESSAGES.get(status, _OTHER), "database_error", _retry_after(response))


def grpc_status(response: Response) -> int | None:
    """Return the status of a call, from the head or, where there is no message, the trailers; None where there is none."""
    found = [value for name, value in (*response.head.fields, *response.trailers) if name == "grpc-status"]
    if len(found) == 1 and found[0].isdigit() and len(found[0]) <= 2:  # noqa: PLR2004 - there are 17
        return int(found[0])
    return None


def _retry_after(response: Response) -> Fields:
    """Return when to try again, which is all that crosses of an error's other fields, in the form that quotes nothing."""
    found = (*response.head.fields, *response.trailers)
    return tuple((name, value) for name, value in found if name == "retry-after" and _RETRY_AFTER.fullmatch(value))[:1]


def _rest(status: int, message: str, details: str, extra: Fields = ()) -> Immediate:
    body = msgspec.json.encode({"status": {"error": message}, "time": 0.0, "result": None})
    return json_immediate(status, body, details, extra)


def _grpc(status: int, http: int, message: str, details: str, extra: Fields = ()) -> Immediate:
    return Immediate(status=http, fields=extra, body=message.encode(), details=details, grpc_status=status)
