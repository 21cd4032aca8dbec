"""Requests of Chroma as the targets make and settle them: a body with its head, and a database that knows collections."""

from __future__ import annotations

from functools import cache

import msgspec

from extproc.events import Fields, Head, Request, Response, Side
from extproc.protocols import adapter_for, routes
from extproc.protocols.adapter import Question, Reading
from fuzz.framing import headed

DATABASE = "/api/v2/tenants/acme/databases/main"
_ID = "0953c020-14d8-44fc-af67-7dfb545a9d9a"
COLLECTION = f"{DATABASE}/collections/{_ID}"
ADAPTER = adapter_for("chroma")
_JSON: Fields = (("content-type", b"application/json"),)


def request(data: bytes) -> Request:
    """Return a request from an input: ``METHOD TARGET``, fields as ``name: value``, an empty line, the body."""
    (first, *lines), body = headed(data)
    method, _, target = first.decode("latin-1").partition(" ")
    fields = [line.partition(b":") for line in lines]
    return made(method, target, body, tuple((name.decode("latin-1").lower(), value.strip()) for name, _, value in fields))


def made(method: str, target: str, body: bytes, fields: Fields = _JSON) -> Request:
    """Return a request."""
    head = Head(side=Side.REQUEST, fields=fields, end_of_stream=not body)
    return Request(method=method, target=target, head=head, body=body)


def response(status: int, body: bytes) -> Response:
    """Return a response."""
    return Response(status=status, head=Head(side=Side.RESPONSE, fields=(), end_of_stream=not body), body=body)


def settled(asked: Request) -> Reading:
    """Return the reading of a request with its questions answered. Raises `Error`."""
    reading = ADAPTER.read(asked, "kb")
    return ADAPTER.resolve(reading, {each: _told(each) for each in reading.questions}) if reading.questions else reading


def _told(question: Question) -> object:
    """Return what a database would say that has every collection with an id, called `notes`, and some by name."""
    assert question.topic == "collection"
    _, _, _, tenant, _, database, _, *asked = routes.parse(question.target).segments
    found = {"id": _ID, "name": "notes", "tenant": tenant, "database": database}
    match asked:
        case ["by-id", collection]:
            return None if collection.startswith("ffff") else {**found, "id": collection}
        case [name]:
            return {**found, "name": name} if name.startswith("not") else None
    return None


@cache
def asking(kind: str, count: int) -> Reading:
    """Return the reading of a plain get, or of a query or search with `count` parts."""
    bodies: dict[str, dict[str, object]] = {
        "query": {"query_embeddings": [[1, 2]] * count},
        "search": {"searches": [{}] * count},
    }
    known = kind if kind in bodies else "get"
    return settled(made("POST", f"{COLLECTION}/{known}", msgspec.json.encode(bodies.get(known, {}))))
