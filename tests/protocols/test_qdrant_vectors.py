"""Vectors that are withheld: a walk over every answer that Qdrant's published forms allow, on both interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass
from qdrant_client.grpc import collections_service_pb2, points_service_pb2, snapshots_service_pb2
from qdrant_client.http.models import models as m

from extproc.decision import Terms
from extproc.errors import Unfulfillable
from extproc.events import Request, Transport
from extproc.obligations.masking import compile_mask
from extproc.protocols import routes
from extproc.protocols.framing import unframed
from extproc.protocols.qdrant_methods import CALLS as METHODS
from extproc.protocols.qdrant_rows import SHAPES
from support import qdrant_asks as asks
from support.exchange import CATALOGUE
from support.qdrant_answers import MARK, answers, documented, messages
from support.qdrant_requests import GRPC, REST, path, verdict

DOCUMENTED = documented()
FORMS: dict[str, Any] = {
    # What older routes and those of single shards answer, which are in no document any more: the same as their newer twins.
    "get": m.InlineResponse20017,
    "scroll": m.InlineResponse20019,
    "count": m.InlineResponse20020,
    "query": m.InlineResponse20022,
    "queries": m.InlineResponse20023,
    "groups": m.InlineResponse20024,
}
OLDER: dict[str, Any] = {"query": list[m.ScoredPoint], "queries": list[list[m.ScoredPoint]]}
"""What older queries answered, without a page around it."""

READING = {"get", "scroll", "query", "queries", "groups"}
"""Kinds of requests that are answered with records."""

NO_VECTORS = {
    ("GET", "/collections/{collection_name}"): "a collection's own metadata are any JSON, of no record",
    ("GET", "/telemetry"): "a collection's own metadata",
    ("POST", "/collections/{collection_name}/points/search/matrix/offsets"): "distances",
    ("POST", "/qdrant.Points/SearchMatrixOffsets"): "distances",
}
"""Answers that hold lists of numbers, or any JSON, which are no vectors of records."""

SERVICES = {
    service.full_name: service
    for module in (collections_service_pb2, points_service_pb2, snapshots_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
}


def delivered(sent: Request, body: Any, *, vectors: bool) -> bytes | None:
    """Return what the client of a request gets of an answer where vectors may be returned, or not; None where it is refused."""
    over = asks.transport(sent)
    adapter, reading = asks.ADAPTERS[over], asks.read(sent)
    terms = Terms(vectors=vectors)
    try:
        reading = adapter.narrow(reading, (terms,) * len(reading.operations))
    except Unfulfillable:
        return None
    response = asks.answer(body, over)
    answer = adapter.read_answer(reading, response)
    if answer is None:
        return response.body
    for result in answer.results:
        compile_mask(terms, None, CATALOGUE).apply(result)
    return adapter.write_answer(reading, answer)


def holds_mark(over: Transport, found: bytes | None, kind: Any = None) -> bool:
    """Whether the number of a vector is in what is delivered."""
    if found is None:
        return False
    text = found.decode() if over == "rest" else str(kind.FromString(bytes(unframed(found))))
    return str(MARK) in text


# --- REST ---------------------------------------------------------------------------------------------------------------

ROWS = [row for row in routes.rows("qdrant") if REST[row.method, row.template].actions and (row.method, row.template) in SHAPES]


def forms(row: routes.Route) -> Iterator[Any]:
    """Give the types of what a row answers."""
    key = (row.method, row.template)
    kind = SHAPES[key].kind
    if key in DOCUMENTED:
        yield DOCUMENTED[key]
    elif kind in FORMS:
        yield FORMS[kind]
        if kind in OLDER:
            yield OLDER[kind]


def sent(row: routes.Route) -> Request:
    """Return a lawful request of a row, of one query where it holds several."""
    body = REST[row.method, row.template].sent
    if isinstance(body, dict) and "searches" in body:
        body = {"searches": body["searches"][:1]}
    return asks.rest(row.method, path(row.template), body)


def bodies(row: routes.Route) -> list[Any]:
    """Return answers of a row that hold all that its forms may."""
    found: list[Any] = []
    for form in forms(row):
        made = answers(form)
        found += [{"result": each, "status": "ok", "time": 0.1} for each in made] if form in OLDER.values() else made
    return [each for each in found if not isinstance(each, dict) or each.get("result", True) is not None]


def named(row: object) -> str:
    """Return a name for a row in a test's id."""
    return f"{row.method} {row.template}" if isinstance(row, routes.Route) else str(row)


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_no_vector_survives_over_rest(row: routes.Route) -> None:
    """Whatever member of an answer may hold a vector holds none once vectors are withheld, or all of it is refused."""
    found = [holds_mark("rest", delivered(sent(row), body, vectors=False)) for body in bodies(row)]

    assert any(found) == ((row.method, row.template) in NO_VECTORS)


def test_which_answers_hold_vectors_over_rest() -> None:
    """Where vectors may be returned, every operation that reads records delivers them: the walk has something to find."""
    found = {
        f"{row.method} {row.template}"
        for row in ROWS
        if any(holds_mark("rest", delivered(sent(row), body, vectors=True)) for body in bodies(row))
    }
    reading = {f"{row.method} {row.template}" for row in ROWS if SHAPES[row.method, row.template].kind in READING}

    assert reading <= found


def test_answers_without_a_published_form() -> None:
    """What is in no document tells of no record, or is refused whole where vectors are withheld."""
    bare = [row for row in ROWS if not list(forms(row))]
    kept = {f"{row.method} {row.template}" for row in bare if delivered(sent(row), {"result": [MARK]}, vectors=False)}

    assert kept == {
        "GET /cluster/metadata/keys",
        "GET /cluster/metadata/keys/{key}",
        "DELETE /cluster/metadata/keys/{key}",
        "GET /collections/{collection_name}/memory",
        "GET /collections/{collection_name}/shards/{shard}/snapshot/partial/manifest",
        "GET /dashboard/{*}",
        "GET /logger",
    }


# --- gRPC ---------------------------------------------------------------------------------------------------------------

CALLS = [row for row in routes.rows("qdrant", "grpc") if row.template.removeprefix("/qdrant.") in GRPC]


def answered(rpc: str) -> Any:
    """Return the kind of message that a call answers, by the service's own description."""
    service, _, method = rpc.removeprefix("/").partition("/")
    return GetMessageClass(SERVICES[service].methods_by_name[method].output_type)


def called(row: routes.Route) -> Request:
    """Return a lawful call, of one query where it holds several."""
    message = type(verdict(row.template).sent)()
    message.CopyFrom(verdict(row.template).sent)
    for name in ("query_points", "search_points", "recommend_points", "discover_points"):
        if name in message.DESCRIPTOR.fields_by_name:
            del getattr(message, name)[1:]
    return asks.grpc(row.template, message)


@pytest.mark.parametrize("row", CALLS, ids=named)
def test_no_vector_survives_over_grpc(row: routes.Route) -> None:
    """Whatever member of an answer may hold a vector holds none once vectors are withheld, or all of it is refused."""
    kind = answered(row.template)
    found = [holds_mark("grpc", delivered(called(row), each, vectors=False), kind) for each in messages(kind)]

    assert any(found) == ((row.method, row.template) in NO_VECTORS)


def test_which_answers_hold_vectors_over_grpc() -> None:
    """Where vectors may be returned, every call that reads records delivers them: the walk has something to find."""
    found = {
        row.template
        for row in CALLS
        for each in messages(answered(row.template))
        if holds_mark("grpc", delivered(called(row), each, vectors=True), answered(row.template))
    }

    reading = {row.template for row in CALLS if METHODS[row.template].kind in READING}

    assert found == reading | {"/qdrant.Points/SearchMatrixOffsets"}
