"""The gRPC interface of the stand-in for Qdrant: calls, credentials and the forms of errors."""

from __future__ import annotations

from typing import Any

import grpc as rpc

from support.qdrant import Call, Qdrant, quiet
from support.qdrant_keys import Forbidden, Refused
from support.qdrant_methods import METHODS
from support.qdrant_queries import QUERIES
from support.qdrant_routes import names_point

OPEN = {"/qdrant.Qdrant/HealthCheck", "/grpc.health.v1.Health/Check"}
ALL = METHODS | QUERIES


def handlers(server: Qdrant) -> tuple[rpc.GenericRpcHandler, ...]:
    """Return the handlers of all RPCs."""

    class Handler(rpc.GenericRpcHandler):  # type: ignore[misc]  # the library has no types
        def service(self, details: Any) -> Any:
            if details.method not in ALL:
                return None
            headers = dict(details.invocation_metadata)

            def answer(body: bytes, context: rpc.ServicerContext) -> bytes:
                server.seen.append(Call("POST", details.method, list(headers.items()), body))
                return _respond(server, details.method, headers, body, context)

            return rpc.unary_unary_rpc_method_handler(answer)

    return (Handler(),)


def _respond(server: Qdrant, name: str, headers: dict[str, str], body: bytes, context: rpc.ServicerContext) -> bytes:
    function, request, write = ALL[name]
    try:
        access = None if name in OPEN else server.keys.admit(headers)
        sent = request.FromString(body)
        if access is not None:
            access.require(_collections(sent), write=write)
        with server.lock, quiet():
            encoded: bytes = function(server.local, sent).SerializeToString()
    except Exception as error:  # noqa: BLE001 - a server answers whatever happens
        context.abort(*_failure(error))
    return encoded


def _collections(sent: Any) -> list[str]:
    found = [sent.collection_name] if "collection_name" in sent.DESCRIPTOR.fields_by_name else []
    for descriptor, value in sent.ListFields():
        if descriptor.name == "lookup_from":
            found.append(value.collection_name)
        elif descriptor.name == "with_lookup":
            found.append(value.collection)
        elif descriptor.name.endswith("_points") and descriptor.is_repeated:
            found += [name for each in value for name in _collections(each)]
    return found


def _failure(error: Exception) -> tuple[rpc.StatusCode, str]:
    text = str(error)
    if isinstance(error, Refused):
        return rpc.StatusCode.UNAUTHENTICATED, "Invalid API key or JWT"
    if isinstance(error, Forbidden):
        return rpc.StatusCode.PERMISSION_DENIED, "Forbidden: Global manage access is required"
    if names_point(error) or "not found" in text.lower() or "does not exist" in text.lower():
        return rpc.StatusCode.NOT_FOUND, f"Not found: {text}"
    if "already exists" in text:
        return rpc.StatusCode.ALREADY_EXISTS, f"Wrong input: {text}"
    return rpc.StatusCode.INVALID_ARGUMENT, f"Wrong input: {text}"
