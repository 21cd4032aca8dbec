"""Obligations on Qdrant's answers, over REST and over gRPC: what is withheld is in no answer, and the rest still parses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from pydantic_core import to_jsonable_python
from qdrant_client import QdrantClient
from qdrant_client import models as m
from qdrant_client.http.exceptions import UnexpectedResponse

from extproc.audit import keys
from extproc.audit.reader import open_private, read_leaves
from extproc.events import Transport
from extproc.secret import SecretFile
from support.obliged import Obligation, mask
from support.qdrant_gateway import OVER, Doors
from support.qdrant_scenario import Names, made

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("over", OVER)]

KB = Names("kb")
NEAR = [0.1, 1.0, 0.5]
SECRET = "grace.hopper@navy.test"
SPARSE = m.SparseVector(indices=[7], values=[1.0])
NO_VECTORS: Obligation = {"type": "vectors", "return": False}
COUNT = 6


@pytest.fixture(scope="module")
def doors(told_doors: Doors) -> Iterator[Doors]:
    """Return the doors, with points of named, sparse and multi vectors behind them."""
    told_doors.database.clear()
    direct = told_doors.direct("rest")
    for method, args, kwargs in made(KB):
        getattr(direct, method)(*args, **kwargs)
    points = [
        m.PointStruct(
            id=index,
            vector={
                "text": [0.1 * index, 1.0, 0.5],
                "words": m.SparseVector(indices=[index, 7], values=[1.0, 0.25]),
                "tokens": [[0.1 * index, 1.0]],
            },
            payload={
                "email": SECRET,
                "card": "4111111111111111",
                "n": index,
                "part": index % 2,
                "profile": {"email": SECRET, "age": 40, "mails": [{"to": SECRET}, {"to": None}]},
                "tags": [SECRET, "x"],
                "body": f"mail {SECRET} now",
            },
        )
        for index in range(COUNT)
    ]
    direct.upsert(KB.main, points)
    direct.upsert(KB.other, [m.PointStruct(id=index, vector={"text": NEAR}, payload={"email": SECRET}) for index in range(3)])
    yield told_doors
    told_doors.database.clear()


def client(doors: Doors, over: Transport, *obligations: Obligation) -> QdrantClient:
    """Return an unchanged client of a caller under these obligations."""
    return doors.client(over, "caller", obligations=list(obligations))


def said(result: Any) -> str:
    """Return everything that came back as text."""
    return json.dumps(to_jsonable_python(result))


READS: dict[str, Callable[[QdrantClient], Any]] = {
    "retrieve": lambda c: c.retrieve(KB.main, [0, 1, 2, 3], with_vectors=True),
    "scroll": lambda c: c.scroll(KB.main, with_vectors=True),
    "scroll of some vectors": lambda c: c.scroll(KB.main, with_vectors=["text", "words"], order_by="n"),
    "query": lambda c: c.query_points(KB.main, query=NEAR, using="text", with_vectors=True),
    "query by point": lambda c: c.query_points(KB.main, query=1, using="tokens", with_vectors=["tokens"]),
    "fusion": lambda c: c.query_points(
        KB.main,
        prefetch=[
            m.Prefetch(query=NEAR, using="text"),
            m.Prefetch(query=m.SparseVector(indices=[7], values=[1]), using="words"),
        ],
        query=m.FusionQuery(fusion=m.Fusion.RRF),
        with_vectors=True,
    ),
    "batch": lambda c: c.query_batch_points(
        KB.main,
        [m.QueryRequest(query=NEAR, using="text", with_vector=True, with_payload=True) for _ in range(2)],
    ),
    "groups": lambda c: c.query_points_groups(
        KB.main,
        group_by="part",
        query=NEAR,
        using="text",
        with_vectors=True,
        with_lookup=m.WithLookup(collection=KB.other, with_payload=True, with_vectors=True),
    ),
}


@pytest.mark.parametrize("name", READS)
def test_no_vector_comes_back_where_they_are_withheld(name: str, over: Transport, doors: Doors) -> None:
    """In no place of any answer, whatever was asked for; the same read of whoever may have them brings them."""
    read = READS[name]
    found, full = said(read(client(doors, over, NO_VECTORS))), said(read(client(doors, over)))

    assert '"vector": {' in full
    assert '"vector": {' not in found
    assert '"vectors": {' not in found
    assert '"vector": null' in found


@pytest.mark.parametrize("name", READS)
def test_a_masked_value_is_in_no_answer(name: str, over: Transport, doors: Doors) -> None:
    """Nested, in lists and beside groups; what is not masked comes as it is stored, and numbers stay numbers."""
    masks = (
        mask("email", "profile.email", "profile.mails.to", "tags", "body"),
        mask("card", how={"partial": {"keep_last": 4}}),
    )
    found = READS[name](client(doors, over, *masks))
    text = said(found)

    assert SECRET in said(READS[name](client(doors, over)))
    assert "navy" not in text
    assert "[REDACTED]" in text
    assert "411111111111" not in text
    assert '"age": 40' in text


def test_each_operator_leaves_a_payload_that_the_client_reads(over: Transport, doors: Doors) -> None:
    """Redacted, null, gone, hashed, partial: side by side in one payload."""
    caller = client(
        doors,
        over,
        mask("email"),
        mask("card", how={"partial": {"keep_last": 4}}),
        mask("profile.email", how="null"),
        mask("profile.mails", how="drop"),
        mask("body", how="hash"),
        mask("tags"),
    )

    (point,) = caller.retrieve(KB.main, [3])

    payload = point.payload or {}
    assert payload["card"] == "[****1111]"
    assert payload["body"].startswith("[hash:")
    assert {name: payload[name] for name in ("email", "n", "part", "profile", "tags")} == {
        "email": "[REDACTED]",
        "n": 3,
        "part": 1,
        "profile": {"email": None, "age": 40},
        "tags": "[REDACTED]",
    }


SCORED: dict[str, Callable[[QdrantClient], list[float]]] = {
    "query": lambda c: [each.score for each in c.query_points(KB.main, query=NEAR, using="text").points],
    "batch": lambda c: [
        each.score
        for one in c.query_batch_points(
            KB.main, [m.QueryRequest(query=NEAR, using="text"), m.QueryRequest(query=2, using="text")]
        )
        for each in one.points
    ],
    "groups": lambda c: [
        hit.score
        for group in c.query_points_groups(KB.main, group_by="part", query=NEAR, using="text").groups
        for hit in group.hits
    ],
    "pairs": lambda c: [each.score for each in c.search_matrix_pairs(KB.main, using="text", sample=9).pairs],
    "offsets": lambda c: list(c.search_matrix_offsets(KB.main, using="text", sample=9).scores),
}


@pytest.mark.parametrize("name", SCORED)
def test_scores_are_rounded_or_dropped(name: str, over: Transport, doors: Doors) -> None:
    """A dropped score is a zero, because clients want a number there; the order stays."""
    read = SCORED[name]
    full = read(client(doors, over))

    assert any(each != round(each, 2) for each in full)
    rounded = read(client(doors, over, {"type": "scores", "mode": "round", "digits": 2}))
    assert rounded == pytest.approx([round(each, 2) for each in full], abs=1e-6)
    assert read(client(doors, over, {"type": "scores", "mode": "drop"})) == [0.0] * len(full)


COUNTED: dict[str, Callable[[QdrantClient], int]] = {
    "retrieve": lambda c: len(c.retrieve(KB.main, [0, 1, 2, 3])),
    "scroll": lambda c: len(c.scroll(KB.main, limit=100)[0]),
    "query": lambda c: len(c.query_points(KB.main, query=NEAR, using="text", limit=100).points),
    "query without a limit": lambda c: len(c.query_points(KB.main).points),
    "batch": lambda c: len(c.query_batch_points(KB.main, [m.QueryRequest(query=NEAR, using="text", limit=100)])[0].points),
    "groups": lambda c: sum(
        len(each.hits)
        for each in c.query_points_groups(KB.main, group_by="part", query=NEAR, using="text", limit=9, group_size=9).groups
    ),
    "facet": lambda c: len(c.facet(KB.main, "n", limit=100).hits),
}


@pytest.mark.parametrize("name", COUNTED)
def test_no_answer_holds_more_than_the_limit(name: str, over: Transport, doors: Doors) -> None:
    """Clamped before the database is asked."""
    assert COUNTED[name](client(doors, over)) > 2
    assert COUNTED[name](client(doors, over, {"type": "limit", "max": 2})) == 2


BISECTIONS: dict[str, Callable[[QdrantClient, str], Any]] = {
    "a filter": lambda c, f: c.scroll(KB.main, scroll_filter=_having(f)),
    "a count": lambda c, f: c.count(KB.main, count_filter=_having(f)),
    "a query's filter": lambda c, f: c.query_points(KB.main, query=NEAR, using="text", query_filter=_having(f)),
    "a prefetch's filter": lambda c, f: c.query_points(
        KB.main,
        prefetch=m.Prefetch(prefetch=[m.Prefetch(query=NEAR, using="text", filter=_having(f))], query=NEAR, using="text"),
        query=NEAR,
        using="text",
    ),
    "an order": lambda c, f: c.scroll(KB.main, order_by=f),
    "an order in a query": lambda c, f: c.query_points(KB.main, query=m.OrderByQuery(order_by=f)),
    "groups": lambda c, f: c.query_points_groups(KB.main, group_by=f, query=NEAR, using="text"),
    "a facet": lambda c, f: c.facet(KB.main, f),
    "a facet's filter": lambda c, f: c.facet(KB.main, "n", facet_filter=_having(f)),
    "a matrix": lambda c, f: c.search_matrix_pairs(KB.main, query_filter=_having(f)),
    "a formula": lambda c, f: c.query_points(
        KB.main,
        prefetch=m.Prefetch(query=NEAR, using="text"),
        query=m.FormulaQuery(formula=m.SumExpression(sum=["$score", f]), defaults={f: 0.5}),
    ),
    "a formula's condition": lambda c, f: c.query_points(
        KB.main,
        prefetch=m.Prefetch(query=NEAR, using="text"),
        query=m.FormulaQuery(formula=m.MultExpression(mult=["$score", m.FieldCondition(key=f, match=m.MatchText(text="g"))])),
    ),
    "a negated condition": lambda c, f: c.count(KB.main, count_filter=m.Filter(must_not=[_having(f)])),
    "some of several": lambda c, f: c.count(
        KB.main, count_filter=m.Filter(min_should=m.MinShould(conditions=[_having(f)], min_count=1))
    ),
    "whether it is there": lambda c, f: c.count(
        KB.main, count_filter=m.Filter(must=[m.IsEmptyCondition(is_empty=m.PayloadField(key=f))])
    ),
    "whether it is null": lambda c, f: c.count(
        KB.main, count_filter=m.Filter(must=[m.IsNullCondition(is_null=m.PayloadField(key=f))])
    ),
    "how many values": lambda c, f: c.count(
        KB.main, count_filter=m.Filter(must=[m.FieldCondition(key=f, values_count=m.ValuesCount(gt=1))])
    ),
    "a deletion": lambda c, f: c.delete(KB.main, m.FilterSelector(filter=_having(f))),
    "an update's condition": lambda c, f: c.upsert(
        KB.main, [m.PointStruct(id=0, vector={"text": NEAR}, payload={})], update_filter=_having(f)
    ),
}


def _having(field: str) -> m.Filter:
    return m.Filter(must=[m.FieldCondition(key=field, match=m.MatchText(text="grace"))])


@pytest.mark.parametrize("name", BISECTIONS)
def test_a_masked_field_is_not_asked_about(name: str, over: Transport, doors: Doors) -> None:
    """Whoever may not see a field cannot read it out by asking about it, whatever its path is spelled like."""
    caller = client(doors, over, mask("email", "profile.*"))

    for field in ("email", '"email"', "email[]", "profile", "profile.email", 'profile."email"', "profile.mails[].to"):
        with pytest.raises((UnexpectedResponse, grpc.RpcError), match="masked_field_predicate"):
            BISECTIONS[name](caller, field)


def test_a_masked_field_is_not_asked_about_inside_a_list(over: Transport, doors: Doors) -> None:
    """A condition on elements of a list looks at what its path and the list's come to."""
    caller = client(doors, over, mask("profile.mails.to"))
    inner = m.Filter(must=[m.FieldCondition(key="to", match=m.MatchValue(value=SECRET))])

    with pytest.raises((UnexpectedResponse, grpc.RpcError), match="masked_field_predicate"):
        caller.count(
            KB.main, count_filter=m.Filter(must=[m.NestedCondition(nested=m.Nested(key="profile.mails", filter=inner))])
        )


def test_which_records_were_answered_is_in_evidence(over: Transport, doors: Doors) -> None:
    """Sealed with the outcome, operation by operation, numbers and UUIDs as Qdrant has them; rows and masks are public."""
    caller = client(doors, over, mask("email"))
    caller.query_batch_points(
        KB.main,
        [
            m.QueryRequest(query=NEAR, using="text", limit=2, with_payload=True),
            m.QueryRequest(filter=m.Filter(must=[m.HasIdCondition(has_id=[4])])),
        ],
    )

    leaf = list(read_leaves(doors.gateway.audit))[-1]
    key = keys.sealing_key(SecretFile(path=doors.gateway.directory / "var" / "keys" / "sealing.key"))
    opened = open_private(doors.gateway.audit, "worker-0", leaf.index, key)
    assert [[int(bytes(each)) for each in ids] for ids in opened.private.returned] == [[1, 2], [4]]
    assert [(fact.rows, fact.masked_fields, fact.masked_values) for fact in leaf.facts] == [(2, ("email",), 2), (1, (), 0)]
