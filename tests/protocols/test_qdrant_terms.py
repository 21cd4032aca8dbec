"""What terms make of each of Qdrant's operations on either interface: seen by reading again what would be forwarded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from qdrant_client import grpc as messages

from extproc.decision import Terms
from extproc.errors import Denied, Error, NotFound, Unfulfillable
from extproc.events import Request, Transport
from extproc.operation import CompoundCondition, Condition, FieldCondition
from extproc.protocols import routes
from extproc.protocols.adapter import Question, Reading
from support import qdrant_asks as asks
from support.qdrant_requests import GRPC, HEALTH, REST, path, verdict

q: Any = messages

OWN = FieldCondition(operator="eq", field="tenant", value="t1")
ROWS: list[tuple[Transport, routes.Route]] = [
    *(("rest", row) for row in routes.rows("qdrant") if REST[row.method, row.template].actions),
    *(
        ("grpc", row)
        for row in routes.rows("qdrant", "grpc")
        if row.template not in HEALTH and row.template.removeprefix("/qdrant.") in GRPC
    ),
]
RECORDS = [(over, row) for over, row in ROWS if row.scope == "records"]


def named(row: object) -> str:
    """Return a name for a row in a test's id."""
    return f"{row.method} {row.template}" if isinstance(row, routes.Route) else str(row)


def request(over: Transport, row: routes.Route, **members: Any) -> Request:
    """Return a lawful request of a row; of a body over REST with more `members`."""
    if over == "rest":
        sent = REST[row.method, row.template].sent
        return asks.rest(row.method, path(row.template), {**sent, **members} if sent and members else sent)
    return asks.grpc(row.template, verdict(row.template).sent)


def narrowed(sent: Request, terms: Terms) -> tuple[Reading, Reading]:
    """Return a request under `terms` for each of its operations, and what would be forwarded as it is read anew."""
    over = asks.transport(sent)
    adapter, reading = asks.ADAPTERS[over], asks.read(sent)
    reading = adapter.narrow(reading, (terms,) * len(reading.operations))
    return reading, asks.read(asks.again(adapter.write(reading), over))


def conjuncts(condition: Condition | None) -> tuple[Condition, ...]:
    """Return the parts of which each must hold."""
    match condition:
        case None:
            return ()
        case CompoundCondition(operator="and", value=parts):
            return tuple(inner for part in parts for inner in conjuncts(part))
        case _:
            return (condition,)


# --- the row filter -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("over", "row"), RECORDS, ids=named)
def test_every_operation_on_records_is_held_to_the_row_filter(over: Transport, row: routes.Route) -> None:
    """Whatever is forwarded has the filter as a condition that must hold, in each of its operations."""
    _, forwarded = narrowed(request(over, row), Terms(where=OWN, stamp={"tenant": "t1"}))

    assert [each.action for each in forwarded.operations if OWN not in conjuncts(each.filter)] == []


UNDIVIDED = {
    "delete_collection",
    "snapshot_create",
    "snapshot_delete",
    "snapshot_restore",
    "telemetry",
    "metrics",
}


@pytest.mark.parametrize(("over", "row"), [each for each in ROWS if each not in RECORDS], ids=named)
def test_what_reads_or_changes_all_records_is_refused_under_a_row_filter(over: Transport, row: routes.Route) -> None:
    """What copies, counts, drops or shows whole collections cannot be filtered; the rest holds no records."""
    undivided = row.action in UNDIVIDED or any(
        word in row.template
        for word in ("/cluster/peer", "/cleanup", "truncate", "shards/delete", "DeleteShardKey", "/partial/manifest")
    )
    measured = any(word in row.template for word in ("/memory", "/optimizations", "}/cluster", "ClusterInfo", "ClusterSetup"))
    dropped = (row.method, row.template) == ("DELETE", "/collections/{collection_name}/vectors/{vector_name}")
    if undivided or measured or dropped or row.template.endswith("DeleteVectorName"):
        with pytest.raises(Unfulfillable):
            narrowed(request(over, row), Terms(where=OWN))
    else:
        _, forwarded = narrowed(request(over, row), Terms(where=OWN))
        assert forwarded.operations == asks.read(request(over, row)).operations


# --- vectors and limits -------------------------------------------------------------------------------------------------


def with_vectors(over: Transport, row: routes.Route) -> Request | None:
    """Return a request of a row that asks for vectors, None where none can."""
    if over == "rest":
        name = "with_vector"
        sent = REST[row.method, row.template].sent or {}
        if "searches" in sent:
            searches = [{**each, name: True} for each in sent["searches"]]
            return request(over, row, searches=searches)
        try:
            asked = request(over, row, with_vector=["a", "b"])
            asks.read(asked)
        except Error:
            return None
        return asked
    message = type(verdict(row.template).sent)()
    message.CopyFrom(verdict(row.template).sent)
    for each in [message, *(inner for name in inner_names(message) for inner in getattr(message, name))]:
        if "with_vectors" in each.DESCRIPTOR.fields_by_name:
            each.with_vectors.enable = True
    return asks.grpc(row.template, message)


def inner_names(message: Any) -> list[str]:
    """Return the members of a batch that are queries."""
    return [name for name in message.DESCRIPTOR.fields_by_name if name.endswith("_points")]


@pytest.mark.parametrize(("over", "row"), RECORDS, ids=named)
def test_no_operation_asks_for_vectors_where_they_are_withheld(over: Transport, row: routes.Route) -> None:
    """Whatever can ask for vectors is forwarded without, also where it became another request.

    A path with one id always brings them; there the answer is rid of them.
    """
    asked = with_vectors(over, row)
    if asked is None or (row.method == "GET" and over == "rest"):
        return
    for where in (None, OWN):
        _, forwarded = narrowed(asked, Terms(vectors=False, where=where, stamp={"tenant": "t1"}))
        assert [each for each in forwarded.operations if each.returns.vectors] == []


LIMITED = {"scroll", "search", "recommend", "get", "query_group", "aggregate"}


@pytest.mark.parametrize(("over", "row"), [each for each in RECORDS if each[1].action in LIMITED], ids=named)
def test_no_read_brings_more_than_the_limit(over: Transport, row: routes.Route) -> None:
    """No more than the policy's limit is asked for; of a get no more ids."""
    unlimited = request(over, row)
    if over == "rest" and row.method == "POST":
        sent = REST[row.method, row.template].sent
        more: dict[str, Any] = {"limit": 50}
        if "ids" in sent:
            more = {"ids": [1, 2, 3, 4, 5]}
        elif "searches" in sent:
            more = {"searches": [{**each, "limit": 50} for each in sent["searches"]]}
        elif "sample" in sent or "group_by" in sent:
            more = {"sample": 50} if "sample" in sent else {"limit": 50, "group_size": 50}
        unlimited = request(over, row, **more)
    _, forwarded = narrowed(unlimited, Terms(limit=2))

    assert [each for each in forwarded.operations if (each.limit if each.limit is not None else each.ids) > 2] == []


def test_a_limit_that_is_left_out_is_the_policys() -> None:
    """What Qdrant takes for a limit of its own is clamped like one that is named."""
    for target, body in (("query", {}), ("scroll", {}), ("query/groups", {"group_by": "a"}), ("search/matrix/pairs", {})):
        _, forwarded = narrowed(asks.rest("POST", f"/collections/kb/points/{target}", body), Terms(limit=2))

        assert [each.limit for each in forwarded.operations] == [2]


def test_a_limit_of_nothing_is_refused_where_the_database_takes_none() -> None:
    """A query of no points is no query to Qdrant."""
    for body in ({"limit": 5}, {"query": [0.1], "limit": 5}):
        with pytest.raises(Unfulfillable):
            narrowed(asks.rest("POST", "/collections/kb/points/query", body), Terms(limit=0))


# --- scores -------------------------------------------------------------------------------------------------------------


def thresholds(digits: int | None) -> tuple[dict[str, Any], Any]:
    """Return what is forwarded, over REST and over gRPC, of a query that has a threshold here and in a prefetch."""
    terms = Terms(scores_digits=digits, scores_dropped=digits is None)
    body = {"query": [0.1], "score_threshold": 0.7777, "prefetch": [{"query": [0.1], "score_threshold": -1.26}]}
    message = q.QueryPoints(
        collection_name="kb",
        query=q.Query(nearest=q.VectorInput(dense=q.DenseVector(data=[0.1]))),
        score_threshold=0.7777,
        prefetch=[q.PrefetchQuery(score_threshold=-1.26)],
    )
    rest, _ = narrowed(asks.rest("POST", "/collections/kb/points/query", body), terms)
    grpc, _ = narrowed(asks.grpc("/qdrant.Points/Query", message), terms)
    sent = asks.ADAPTERS["rest"].write(rest).body, asks.ADAPTERS["grpc"].write(grpc).body
    return json.loads(sent[0] or b""), q.QueryPoints.FromString((sent[1] or b"")[5:])


def test_a_threshold_is_rounded_as_scores_are() -> None:
    """Else it would be a bit of the exact score, for each time that it is asked for."""
    rest, grpc = thresholds(1)

    assert (rest["score_threshold"], rest["prefetch"][0]["score_threshold"]) == (0.8, -1.3)
    assert (grpc.score_threshold, grpc.prefetch[0].score_threshold) == pytest.approx((0.8, -1.3))


def test_where_scores_are_dropped_there_is_no_threshold() -> None:
    """Neither of a query nor of what is fetched for it."""
    for body in ({"score_threshold": 0.5}, {"prefetch": {"query": [0.1], "score_threshold": 0.5}, "query": {"fusion": "rrf"}}):
        with pytest.raises(Unfulfillable):
            narrowed(asks.rest("POST", "/collections/kb/points/query", {"query": [0.1], **body}), Terms(scores_dropped=True))


@pytest.mark.parametrize("terms", [Terms(scores_dropped=True), Terms(scores_digits=2)])
def test_a_formula_weighs_no_score_that_is_held_back(terms: Terms) -> None:
    """It would make a difference of a billionth as large as its client likes; other formulas are free."""
    deep = {"sum": ["price", {"mult": [1e9, {"neg": "$score[1]"}]}]}
    for formula in ("$score", deep):
        body = {"query": [0.1], "prefetch": {"query": {"formula": formula}, "prefetch": {"query": [0.1]}}}
        with pytest.raises(Unfulfillable):
            narrowed(asks.rest("POST", "/collections/kb/points/query", body), terms)

    plain = {"query": {"formula": {"sum": ["price", 1]}}, "prefetch": {"query": [0.1]}}
    _, forwarded = narrowed(asks.rest("POST", "/collections/kb/points/query", plain), terms)
    assert forwarded.operations[0].tests == ("price",)


# --- nothing to do ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("over", "row"), ROWS, ids=named)
def test_terms_that_ask_nothing_change_nothing(over: Transport, row: routes.Route) -> None:
    """Without obligations the same bytes are forwarded as if there were no policy."""
    adapter, reading = asks.ADAPTERS[over], asks.read(request(over, row))

    expected = adapter.write(asks.read(request(over, row)))

    assert adapter.write(adapter.narrow(reading, (Terms(),) * len(reading.operations))) == expected


# --- nested places ------------------------------------------------------------------------------------------------------

CLIENTS = {"must": [{"key": "city", "match": {"value": "London"}}]}
NESTED: dict[str, Any] = {
    "query": {"fusion": "rrf"},
    "filter": CLIENTS,
    "params": {"idf": {"corpus": CLIENTS}},
    "prefetch": [
        {"query": [0.1], "filter": CLIENTS, "prefetch": {"query": 3, "params": {"idf": {"corpus": {}}}}},
        {"query": {"recommend": {"positive": [4], "negative": [5]}}, "lookup_from": {"collection": "other"}},
    ],
}


def places(tree: Any) -> list[Any]:
    """Return every filter of a query, wherever it stands, None for one that is missing."""
    found = [tree.get("filter")]
    corpus = (tree.get("params") or {}).get("idf")
    if isinstance(corpus, Mapping):
        found.append(corpus["corpus"])
    inner = tree.get("prefetch") or []
    for each in inner if isinstance(inner, list) else [inner]:
        found += places(each)
    return found


def test_the_filter_is_in_every_nested_place() -> None:
    """In prefetches at each depth and in the corpus of statistics, beside what the client has there."""
    reading = asks.read(asks.rest("POST", "/collections/kb/points/query", NESTED))
    adapter = asks.ADAPTERS["rest"]
    outgoing = adapter.write(adapter.narrow(reading, (Terms(where=OWN),) * len(reading.operations)))

    found = places(json.loads(outgoing.body or b""))

    clause = {"key": "tenant", "match": {"value": "t1"}}
    assert len(found) == 6
    assert [each["must"][0] for each in found] == [clause] * 6
    assert [each["must"][1:] for each in found] == [[CLIENTS], [CLIENTS], [CLIENTS], [], [], []]


def test_each_point_to_start_from_is_asked_for_where_it_is_read() -> None:
    """A probe of another collection is an operation of its own, asked for there, under the filter that holds there."""
    reading = asks.read(asks.rest("POST", "/collections/kb/points/query", NESTED))
    there = FieldCondition(operator="eq", field="owner", value="me")
    terms = tuple(Terms(where=OWN if each.collection == "kb" else there) for each in reading.operations)
    adapter = asks.ADAPTERS["rest"]

    found = adapter.narrow(reading, terms)

    assert [(each.collection, each.action, each.ids) for each in reading.operations] == [
        ("kb", "search", 1),
        ("other", "get", 2),
    ]
    assert [(each.target, json.loads(each.body or b"")["filter"]["must"]) for each in found.questions] == [
        ("/collections/kb/points/scroll", [{"key": "tenant", "match": {"value": "t1"}}, {"must": [{"has_id": [3]}]}]),
        ("/collections/other/points/scroll", [{"key": "owner", "match": {"value": "me"}}, {"must": [{"has_id": [4, 5]}]}]),
    ]
    shown: dict[Question, object] = {
        question: {"result": {"points": [{"id": each} for each in ids]}}
        for question, ids in zip(found.questions, ([3], [4]), strict=True)
    }
    with pytest.raises(NotFound):
        adapter.resolve(found, shown)
    shown[found.questions[1]] = {"result": {"points": [{"id": 5}, {"id": 4}]}}
    assert adapter.resolve(found, shown).questions == ()
    for answer in (None, {"result": {"points": [{"id": 3}]}}):
        with pytest.raises(NotFound):
            adapter.resolve(found, {**shown, found.questions[1]: answer})


def test_records_that_cannot_be_masked_are_not_shown() -> None:
    """Requests of other callers, and copies of whole collections, are refused wherever anything must be held back."""
    for terms in (Terms(vectors=False), Terms(stamp={"tenant": "t1"}), Terms(where=OWN)):
        for method, target in (("GET", "/profiler/slow_requests"), ("POST", "/snapshots"), ("GET", "/issues")):
            with pytest.raises(Unfulfillable):
                narrowed(asks.rest(method, target), terms)


# --- writes -------------------------------------------------------------------------------------------------------------


def test_both_interfaces_forward_the_same_update() -> None:
    """One upsert, two interfaces: the same points with the same stamp under the same condition."""
    clients = q.Filter(must=[q.Condition(field=q.FieldCondition(key="city", match=q.Match(keyword="London")))])
    message = verdict("/qdrant.Points/Upsert").sent
    sent = type(message)()
    sent.CopyFrom(message)
    sent.update_filter.CopyFrom(clients)
    body = {**REST["PUT", "/collections/{collection_name}/points"].sent, "update_filter": CLIENTS}
    terms = Terms(where=OWN, stamp={"tenant": "t1", "team.name": "x"})

    _, rest = narrowed(asks.rest("PUT", "/collections/kb/points", body), terms)
    _, grpc = narrowed(asks.grpc("/qdrant.Points/Upsert", sent), terms)

    (one,), (other,) = rest.operations, grpc.operations
    assert (one.filter, one.records, one.tests) == (other.filter, other.records, other.tests)
    over: tuple[Transport, ...] = ("rest", "grpc")
    written = []
    for which, found in zip(over, (rest, grpc), strict=True):
        outgoing = asks.ADAPTERS[which].write(found)
        if which == "rest":
            written.append(json.loads(outgoing.body or b"")["points"][0]["payload"])
        else:
            point = q.UpsertPoints.FromString((outgoing.body or b"")[5:]).points[0]
            written.append({"tenant": point.payload["tenant"].string_value, "city": point.payload["city"].string_value})
            assert point.payload["team"].struct_value.fields["name"].string_value == "x"
    assert written == [{"city": "London", "tenant": "t1", "team": {"name": "x"}}, {"tenant": "t1", "city": "London"}]


@pytest.mark.parametrize("key", ["tenant", '"tenant"', "tenant[]", "tenant[0].x", "tenant.name", "team", "team.name", '"team"'])
def test_a_held_field_is_not_touched_by_any_name(key: str) -> None:
    """By its path, in quotes, at a place of a list, a part of it, or what it is a part of."""
    terms = Terms(stamp={"tenant": "t1", "team.name": "x"})
    for body, target in (
        ({"points": [1], "keys": ["a", key]}, "payload/delete"),
        ({"points": [1], "payload": {"a": 1}, "key": key}, "payload"),
    ):
        with pytest.raises(Denied) as caught:
            narrowed(asks.rest("POST", f"/collections/kb/points/{target}", body), terms)

        assert caught.value.code == "field_held"


def test_a_stamp_of_what_qdrant_cannot_hold_is_refused() -> None:
    """A null, a number that is compared roughly, a name that is no field."""
    stamps: list[dict[str, Any]] = [{"a": None}, {"a": 2**60}, {"#id": "x"}, {"a..b": "x"}]
    for stamp in stamps:
        with pytest.raises(Unfulfillable):
            narrowed(asks.rest("PUT", "/collections/kb/points", {"points": []}), Terms(stamp=stamp))
