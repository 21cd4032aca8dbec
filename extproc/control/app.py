"""HTTP in and out: the caller known before the body is read, bodies within bounds, answers and errors as JSON.

An endpoint is a function of a `Caller` and the bytes of a body; it raises an `Error` or returns what becomes JSON. What an
endpoint does, and whether somebody may, is not known here.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from extproc.control.acts import Acts
from extproc.control.callers import Caller, circumstances, received
from extproc.errors import AuditError, Error, TooLarge, Unauthenticated
from extproc.identity import Identifier

Endpoint = Callable[[Caller, bytes], Awaitable[Any]]
"""What answers one route; what it returns becomes JSON."""

Table = Mapping[tuple[str, str], Endpoint]
"""Method and path, and who answers."""

_MOST_BODY: Final = 4 << 20
_SECOND_NS: Final = 1_000_000_000
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_log = logging.getLogger(__name__)


def application(table: Table, *, identifier: Identifier, acts: Acts, clock: Callable[[], int]) -> Starlette:
    """Return the ASGI application that serves `table`. `clock` gives Unix nanoseconds."""

    def route(method: str, path: str, endpoint: Endpoint) -> Route:
        async def answer(request: Request) -> Response:
            exchange = secrets.token_hex(16)
            try:
                known = await _known(request, exchange)
                return _json(200, await endpoint(known, await _body(request)))
            except Error as error:
                return _refusal(error, exchange)
            except ClientDisconnect:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing of it may show
                place = traceback.extract_tb(error.__traceback__)[-1]
                _log.error("an unexpected %s at %s:%s", type(error).__name__, place.filename, place.lineno)
                return _refusal(Error(f"an unexpected {type(error).__name__}"), exchange)

        return Route(path, answer, methods=[method])

    async def _known(request: Request, exchange: str) -> Caller:
        head, now = received(request.headers.raw, identifier.namespace), clock()
        context = circumstances(head, time_ns=now, exchange=exchange)
        try:
            return Caller(principal=identifier.identify(head, now // _SECOND_NS), context=context)
        except Unauthenticated as error:
            await acts.rejected(context, identifier.claimed(head), error)
            raise

    return Starlette(routes=[route(method, path, endpoint) for (method, path), endpoint in table.items()])


async def _body(request: Request) -> bytes:
    """Return the whole body. Raises `TooLarge`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY:
            raise TooLarge(f"the body is over {_MOST_BODY >> 20} MiB")
    return bytes(body)


def _refusal(error: Error, exchange: str) -> Response:
    if isinstance(error, AuditError):
        _log.error("an act is not on record: %s", error)
    return _json(error.status, {"error": error.code, "message": str(error), "exchange": exchange})


def _json(status: int, content: Any) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json", headers=_HEADERS)
