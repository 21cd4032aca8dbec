"""Qdrant's REST interface: bytes to a `Form` and back, answers and errors in its forms.

Paths and parameters are checked and written anew, bodies read member by member. Health checks are answered here: they say that
the gateway lives, not that the database does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from extproc.errors import Malformed, Unrecognised
from extproc.events import Head, Immediate, Request, Response
from extproc.operation import Answer
from extproc.protocols import qdrant_answers, qdrant_errors, qdrant_names, routes, strict_json
from extproc.protocols.adapter import Denial, Outgoing
from extproc.protocols.qdrant_form import Form
from extproc.protocols.qdrant_members import checked_id
from extproc.protocols.qdrant_operations import Part
from extproc.protocols.qdrant_queries import Probe
from extproc.protocols.qdrant_rows import SHAPES, Shape, require_one
from extproc.protocols.routes import Match, Route, Target
from extproc.protocols.strict_json import shown

_HEALTHY: Final = {
    b"/healthz": b"healthz check passed",
    b"/livez": b"healthz check passed",
    b"/readyz": b"all shards are ready",
}
_FIRST_ERROR: Final = 400
_UNAUTHORIZED: Final = 401
_LONGEST_NAME: Final = 255
_COLLECTION: Final = "collection_name"
_NUMBERS: Final = frozenset({"shard", "shard_id", "peer_id"})
_RECAST: Final = {"scroll": ("POST", ("scroll",)), "overwrite_payload": ("PUT", ("payload",))}
"""The method, and the end of the path behind ``points``, of what a request is turned into."""


class Rest:
    """The REST wire of Qdrant: a `Wire`."""

    transport: Final = "rest"
    trailers: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._routes = routes.Routes(routes.rows("qdrant"))

    def health(self, head: Head) -> Immediate | None:
        """Answer a health check."""
        methods, paths = head.values(":method"), head.values(":path")
        if methods not in ([b"GET"], [b"HEAD"]) or len(paths) != 1 or paths[0] not in _HEALTHY:
            return None
        body = b"" if methods == [b"HEAD"] else _HEALTHY[paths[0]]
        return Immediate(status=200, fields=(("content-type", b"text/plain; charset=utf-8"),), body=body, details="health")

    def admit(self, head: Head) -> None:
        """Refuse nothing: what a request is shows when it is whole."""

    def read(self, request: Request) -> Form:
        """Understand a request. Raises `Malformed`, `Unrecognised`, `Unsupported`."""
        target = routes.parse(request.target)
        match = self._routes.match(request.method, target.segments)
        shape = SHAPES.get((match.route.method, match.route.template))
        if shape is None or request.method == "HEAD":
            raise Unrecognised("this operation is known and let through for nobody", code="operation_unsupported")
        for name, value in target.query:
            accepts = shape.parameters.get(name)
            if accepts is None or not accepts(value):
                raise Unrecognised(f"the parameter {shown(name)} is not known here, or its value", code="parameter_unknown")
        strict_json.require_json(request)
        names = _names(match)
        return Form(
            kind=shape.kind,
            action=match.route.action,
            scope=match.route.scope,
            size=len(request.body),
            collection=names.get(_COLLECTION),
            names=names,
            body=_body(shape, names, request.body),
            origin=match.route,
            query=target.query,
        )

    def write(self, form: Form) -> Outgoing:
        """Return the canonical bytes of a form."""
        route = form.origin
        if not isinstance(route, Route):
            message = "a form of another wire"
            raise TypeError(message)
        bodiless = form.body is None or route.method == "GET"
        method, segments = route.method, _segments(route.parts(), form)
        if form.recast is not None and form.kind in _RECAST:
            (method, end), bodiless = _RECAST[form.kind], False
            segments = (*_segments(route.parts()[: route.parts().index("points") + 1], form), *end)
        target = str(Target(segments=segments, query=form.query))
        body = None if bodiless else _encode(form.body)
        made = route.method == "GET" and body is not None
        return Outgoing(method=method, target=target, body=body, content_type=b"application/json" if made else None)

    def failed(self, response: Response) -> bool:
        """Return whether a response is an error of Qdrant's."""
        return response.status >= _FIRST_ERROR

    def unauthenticated(self, response: Response) -> bool:
        """Return whether Qdrant does not take the gateway's credential."""
        return response.status == _UNAUTHORIZED

    def read_error(self, response: Response) -> Immediate:
        """Return the database's own error with its text masked."""
        return qdrant_errors.masked(response)

    def denial(self, denial: Denial) -> Immediate:
        """Return a refusal in Qdrant's form."""
        return qdrant_errors.denial(denial)

    def read_answer(self, form: Form, parts: Sequence[Part], body: bytes) -> Answer | None:
        """Understand a successful response that holds records. Raises `UpstreamError`, `NotFound`."""
        return qdrant_answers.read(form, parts, body)

    def write_answer(self, answer: Answer) -> bytes:
        """Return the bytes of an answer after its results were changed."""
        return qdrant_answers.write(answer)


def _names(match: Match) -> Mapping[str, str]:
    """Return the names in a path, each of the form that it must have. Raises `Malformed`."""
    for name, value in match.parameters.items():
        if name == _COLLECTION:
            qdrant_names.check(value)
        elif len(value) > _LONGEST_NAME or (name in _NUMBERS and not (value.isascii() and value.isdecimal())):
            raise Malformed(f"the path's {name} is not one")
    return match.parameters


def _body(shape: Shape, names: Mapping[str, str], body: bytes) -> Mapping[str, Any] | None:
    if shape.members is None:
        if body:
            raise Malformed("this request has no body", code="body_unexpected")
        return _one_point(names["id"]) if shape.kind == "get" else None
    raw = strict_json.members(body)
    for name in raw:
        if name not in shape.members:
            raise Unrecognised(f"the member {shown(name)} is not known here", code="member_unknown")
    for name in shape.required:
        if name not in raw:
            raise Malformed(f"the member '{name}' is missing")
    found = {name: shape.members[name](value, name) for name, value in raw.items()}
    require_one(found, shape.only)
    return found


def _one_point(text: str) -> Mapping[str, Any]:
    """Return the body of the get that a path with one id stands for, which returns everything."""
    found = checked_id(int(text) if text.isascii() and text.isdecimal() else text)
    return {"ids": [found], "with_payload": True, "with_vector": True}


def _segments(parts: tuple[str, ...], form: Form) -> tuple[str, ...]:
    """Return the path of a form: a template's parts, with the names in it."""
    names = {**form.names, _COLLECTION: form.collection or ""}
    if "id" in names:
        names["id"] = str((form.body or {}).get("ids", [names["id"]])[0])
    found: list[str] = []
    for part in parts:
        if part == "{*}":
            found += form.names["*"].split("/") if form.names["*"] else []
        else:
            found.append(names[part[1:-1]] if part.startswith("{") else part)
    return tuple(found)


def _encode(body: Mapping[str, Any] | None) -> bytes:
    return msgspec.json.encode(body, enc_hook=_leaf)


def _leaf(leaf: Any) -> Any:
    """Return what is written for a leaf of the tree."""
    return leaf.raw if isinstance(leaf, Probe) else leaf.encoded()
