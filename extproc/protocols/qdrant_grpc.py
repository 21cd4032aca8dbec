"""Qdrant's gRPC interface: framed messages to a `Form` and back, answers and errors in its forms.

Messages are the official client's, compiled; a member that they do not know is refused at every depth. A call has one message;
what streams, which could not be held here, is refused before anything of it has come. Health checks are put to the database,
because no answer with a message can be made on this side of it: one and the same request, whatever the client sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError

from extproc.errors import Malformed, Unrecognised, Unsupported, UpstreamError
from extproc.events import Fields, Head, Immediate, Request, Response
from extproc.operation import Answer
from extproc.protocols import framing, qdrant_edits, qdrant_errors, qdrant_messages, qdrant_names, qdrant_values, routes
from extproc.protocols.adapter import Denial, Outgoing
from extproc.protocols.qdrant_form import Form, Kind
from extproc.protocols.qdrant_methods import CALLS, Call
from extproc.protocols.qdrant_operations import Part
from extproc.protocols.qdrant_trees import Tree, tree

_HEALTH: Final = frozenset({b"/qdrant.Qdrant/HealthCheck", b"/grpc.health.v1.Health/Check"})
_EMPTY: Final = framing.framed(b"")
_BODILESS: Final = frozenset({"service", "list", "describe", "measure", "create", "alter", "drop", "index", "whole"})
"""Kinds of calls of which nothing but the collection is looked at."""

_UNAUTHORIZED: Final = 401
_UNAUTHENTICATED: Final = 16
"""HTTP's word for it, and gRPC's."""

_NEEDED: Final[Mapping[Kind, tuple[str, ...]]] = {"facet": ("key",), "groups": ("group_by",)}
"""Members without which a call means nothing."""


class _Origin(msgspec.Struct, frozen=True):
    """The call that a form was made of: its name, its message, its tree, and the header fields that it needs on its way."""

    rpc: str
    message: Any
    body: Mapping[str, Any] | None
    fields: Fields


class Grpc:
    """The gRPC wire of Qdrant: a `Wire`."""

    transport: Final = "grpc"
    trailers: frozenset[str] = frozenset({"grpc-status", "grpc-message"})

    def __init__(self) -> None:
        self._rows = {route.template: route for route in routes.rows("qdrant", "grpc")}

    def health(self, head: Head) -> Outgoing | None:
        """Return the health check that is put to the database in the place of a client's."""
        paths = head.values(":path")
        if len(paths) != 1 or paths[0] not in _HEALTH or head.values(":method") != [b"POST"]:
            return None
        return Outgoing(method="POST", target=paths[0].decode(), body=_EMPTY, fields=framing.OWN_FIELDS)

    def admit(self, head: Head) -> None:
        """Refuse what is no call, and calls of which nothing may come: some would never end. Raises as `read`."""
        framing.require_grpc(head)
        self._call(b"".join(head.values(":path")).decode("latin-1"))

    def _call(self, rpc: str) -> Call:
        if rpc not in self._rows:
            raise Unrecognised("this method and path belong to no known operation", code="operation_unknown")
        if rpc not in CALLS:
            raise Unrecognised("this operation is known and let through for nobody", code="operation_unsupported")
        return CALLS[rpc]

    def read(self, request: Request) -> Form:
        """Understand a call. Raises `Malformed`, `Unrecognised`, `Unsupported`."""
        framing.require_grpc(request.head)
        call, row = self._call(request.target), self._rows[request.target]
        message = _message(call.request, framing.unframed(request.body))
        collection = _collection(message)
        body = _body(call, message)
        return Form(
            kind=call.kind,
            action=row.action,
            scope=row.scope,
            size=len(request.body),
            collection=collection,
            body=body,
            origin=_Origin(request.target, message, body, framing.own_fields(request.head)),
        )

    def write(self, form: Form) -> Outgoing:
        """Return the canonical bytes of a form."""
        origin = _origin(form)
        rpc, message = origin.rpc, origin.message
        if form.collection is not None:
            _put_collection(message, form.collection)
        if form.recast is not None and form.kind in _RECAST:
            rpc = _RECAST[form.kind]
            recast = qdrant_edits.scroll if form.kind == "scroll" else qdrant_edits.overwrite
            message = recast(message, form.body or {})
        elif form.body is not None and origin.body is not None:
            qdrant_edits.apply(message, origin.body, form.body)
        body = framing.framed(message.SerializeToString(deterministic=True))  # maps have no order of their own
        return Outgoing(method="POST", target=rpc, body=body, fields=origin.fields)

    def failed(self, response: Response) -> bool:
        """Return whether a response is an error; a message comes before the status, so with one it is taken for a success."""
        status = qdrant_errors.grpc_status(response)
        return response.status != 200 or (status != 0 if status is not None else not response.body)  # noqa: PLR2004 - HTTP's

    def unauthenticated(self, response: Response) -> bool:
        """Return whether Qdrant does not take the gateway's credential."""
        return response.status == _UNAUTHORIZED or qdrant_errors.grpc_status(response) == _UNAUTHENTICATED

    def read_error(self, response: Response) -> Immediate:
        """Return the database's own error with its text masked."""
        return qdrant_errors.grpc_masked(response)

    def denial(self, denial: Denial) -> Immediate:
        """Return a refusal in gRPC's form."""
        return qdrant_errors.grpc_denial(denial)

    def read_answer(self, form: Form, parts: Sequence[Part], body: bytes) -> Answer | None:
        """Understand a successful response that holds records. Raises `UpstreamError`."""
        try:
            message = framing.unframed(body)
        except (Malformed, Unsupported) as error:
            raise UpstreamError("the database's answer is not one message of gRPC", code="answer_unrecognised") from error
        return qdrant_messages.read(form, _origin(form).rpc, parts, message)

    def write_answer(self, answer: Answer) -> bytes:
        """Return the bytes of an answer after its results were changed."""
        return framing.framed(qdrant_messages.write(answer))


_RECAST: Final[Mapping[Kind, str]] = {
    "scroll": "/qdrant.Points/Scroll",
    "overwrite_payload": "/qdrant.Points/OverwritePayload",
}


def _origin(form: Form) -> _Origin:
    if not isinstance(form.origin, _Origin):
        message = "a form of another wire"
        raise TypeError(message)
    return form.origin


def _message(kind: Any, encoded: memoryview) -> Any:
    """Return a message that is known in full. Raises `Malformed`, `Unrecognised`."""
    try:
        message = kind.FromString(encoded)
    except (DecodeError, ValueError):
        raise Malformed("the message is not one of this call") from None
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise Unrecognised("the message has a member that is not known here", code="member_unknown")
    return message


def _collection(message: Any) -> str | None:
    """Return the collection that a message names, in whatever it holds the same. Raises `Malformed`."""
    names = message.DESCRIPTOR.fields_by_name
    if "collection_name" not in names:
        return None
    name = qdrant_names.check(message.collection_name)
    for inner in _inner(message):
        if inner.collection_name not in {"", name}:
            raise Malformed("the requests of a batch name different collections", code="collection_ambiguous")
    return name


def _inner(message: Any) -> list[Any]:
    """Return the requests that a batch of queries holds."""
    return [
        each
        for name, descriptor in message.DESCRIPTOR.fields_by_name.items()
        if name.endswith("_points") and descriptor.is_repeated
        for each in getattr(message, name)
    ]


def _put_collection(message: Any, name: str) -> None:
    message.collection_name = name
    for inner in _inner(message):
        inner.collection_name = name


def _body(call: Call, message: Any) -> Mapping[str, Any] | None:
    """Return the tree of what is looked at in a message. Raises `Malformed`."""
    match call.kind:
        case "partition" | "repartition":
            return {"shard_key": tree(message.request.shard_key)}
        case "create" | "alter" if "metadata" in message.DESCRIPTOR.fields_by_name:
            return {"metadata": {name: qdrant_values.plain(value) for name, value in message.metadata.items()}}
        case kind if kind in _BODILESS:
            return None
        case _:
            found = tree(message)
            for name in _NEEDED.get(call.kind, ()):
                if name not in found:  # protobuf leaves out what is empty
                    raise Malformed(f"the member '{name}' is missing")
            missing: dict[str, Any] = {name: [] for name in call.lists if name not in found}
            return Tree({**found, **missing}, message)
