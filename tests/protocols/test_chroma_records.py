"""Row filters and stamps on Chroma's requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.decision import Terms
from extproc.errors import Denied, Error, Malformed, NotFound, Unfulfillable, UpstreamError
from extproc.operation import CompoundCondition, FieldCondition, OpaqueCondition
from extproc.protocols import routes
from extproc.protocols.adapter import Adapter, Facts, Outgoing, Reading, Reservation
from extproc.protocols.chroma_forms import SHAPES
from protocols.conftest import COLLECTION

Ask = Callable[..., Reading]

T1 = FieldCondition(operator="eq", field="tenant", value="t1")
CLAUSE = {"tenant": {"$eq": "t1"}}
FILTER = Terms(where=T1)
STAMP = Terms(stamp={"tenant": "t1"})
BOTH = Terms(where=T1, stamp={"tenant": "t1"})
QUERY = {"query_embeddings": [[1]]}
ADD = {"ids": ["a", "b"], "embeddings": [[1], [2]]}


def sent(adapter: Adapter, reading: Reading, *terms: Terms) -> Any:
    """Return the body of what leaves."""
    return json.loads(adapter.write(adapter.narrow(reading, terms)).body or b"null")


def refused(adapter: Adapter, reading: Reading, terms: Terms) -> str:
    """Return the code of the refusal, or nothing."""
    try:
        adapter.narrow(reading, (terms,))
    except Error as error:
        return error.code
    return ""


# --- reads and deletions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        ("get", {}, {"where": CLAUSE}),
        ("get", {"where": None}, {"where": CLAUSE}),
        ("get", {"ids": ["a"]}, {"ids": ["a"], "where": CLAUSE}),
        ("get", {"ids": []}, {"ids": [], "where": CLAUSE}),
        ("get", {"where": {"x": 1}, "limit": 2, "offset": 1}, {"where": {"$and": [CLAUSE, {"x": 1}]}, "limit": 2, "offset": 1}),
        (
            "get",
            {"where": {"$or": [{"tenant": "t2"}, {"tenant": "t1"}]}},
            {"where": {"$and": [CLAUSE, {"$or": [{"tenant": "t2"}, {"tenant": "t1"}]}]}},
        ),
        (
            "get",
            {"where_document": {"$not_contains": "x"}},
            {"where_document": {"$not_contains": "x"}, "where": CLAUSE},
        ),
        ("query", QUERY, {**QUERY, "where": CLAUSE}),
        ("query", {**QUERY, "ids": ["a"], "where": {"x": 1}}, {**QUERY, "ids": ["a"], "where": {"$and": [CLAUSE, {"x": 1}]}}),
        ("delete", {}, {"where": CLAUSE}),
        ("delete", {"ids": ["a"]}, {"ids": ["a"], "where": CLAUSE}),
        ("delete", {"where": {"x": 1}, "limit": 1}, {"where": {"$and": [CLAUSE, {"x": 1}]}, "limit": 1}),
        ("search", {"searches": [{}]}, {"searches": [{"filter": CLAUSE}]}),
        ("search", {"searches": [{"filter": {}}]}, {"searches": [{"filter": CLAUSE}]}),
        ("search", {"searches": [{"filter": {"x": 1}}]}, {"searches": [{"filter": {"$and": [CLAUSE, {"x": 1}]}}]}),
    ],
)
def test_whatever_chooses_records_chooses_among_the_callers_own(
    *, operation: str, body: Any, expected: Any, adapter: Adapter, ask: Ask, records: str
) -> None:
    """The policy's condition stands beside the client's, however the client chooses."""
    assert expected == sent(adapter, ask("POST", f"{records}/{operation}", body), FILTER)


def test_each_search_has_the_filter_of_its_own_decision(adapter: Adapter, ask: Ask, records: str) -> None:
    """Of several searches each is decided by itself, and so each has its own condition."""
    reading = ask("POST", f"{records}/search", {"searches": [{}, {"filter": {"x": 1}}, {}]})
    other = Terms(where=FieldCondition(operator="ne", field="class", value="secret"))

    expected = [{"filter": CLAUSE}, {"filter": {"$and": [{"class": {"$ne": "secret"}}, {"x": 1}]}}, {}]
    assert {"searches": expected} == sent(adapter, reading, FILTER, other, Terms())


@pytest.mark.parametrize("query", ["", "?read_level=index_and_wal"])
def test_a_count_becomes_a_get_of_ids(query: str, adapter: Adapter, ask: Ask, records: str) -> None:
    """Chroma's count takes no filter."""
    reading = adapter.narrow(ask("GET", f"{records}/count{query}"), (FILTER,))

    assert Outgoing(
        method="POST",
        target=f"{records}/get",
        body=msgspec.json.encode({"where": CLAUSE, "include": []}),
        content_type=b"application/json",
    ) == adapter.write(reading)


@pytest.mark.parametrize(("method", "query"), [("HEAD", ""), ("GET", "?read_level=index_only")])
def test_a_count_that_cannot_be_made_is_a_denial(method: str, query: str, adapter: Adapter, ask: Ask, records: str) -> None:
    """The length of an answer without a body would tell how many there are in all; and a `get` knows no level."""
    assert refused(adapter, ask(method, f"{records}/count{query}"), FILTER) == "obligation_unsupported"
    assert refused(adapter, ask(method, f"{records}/count{query}"), STAMP) == ""


def test_a_deletion_limited_without_a_filter_stays_refused(adapter: Adapter, ask: Ask, records: str) -> None:
    """Chroma refuses a limit without a filter; the policy's own filter does not make such a request valid."""
    for body in ({"limit": 1}, {"ids": ["a"], "limit": 1}):
        with pytest.raises(Malformed):
            adapter.narrow(ask("POST", f"{records}/delete", body), (FILTER,))
    assert refused(adapter, ask("POST", f"{records}/delete", {"where_document": {"$contains": "x"}, "limit": 1}), FILTER) == ""


CLIENTS = st.recursive(
    st.builds(
        lambda field, operator, value: {field: {operator: value}},
        st.sampled_from(["tenant", "x"]),
        st.sampled_from(["$eq", "$ne"]),
        st.sampled_from(["t1", "t2", 1]),
    ),
    lambda inner: st.builds(lambda join, parts: {join: parts}, st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1)),
    max_leaves=6,
)


@given(where=CLIENTS)
def test_no_filter_of_a_clients_widens_the_policys(where: Any, adapter: Adapter, ask: Ask, records: str) -> None:
    """Whatever a client filters by, it stays whole under a conjunction whose other part is the policy's."""
    for operation, base in (("get", {}), ("query", QUERY), ("delete", {})):
        reading = ask("POST", f"{records}/{operation}", {**base, "where": where})
        assert sent(adapter, reading, FILTER)["where"] == {"$and": [CLAUSE, where]}


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("get", {}),
        ("query", QUERY),
        ("search", {"searches": [{}]}),
        ("delete", {"ids": ["a"]}),
        ("add", ADD),
        ("upsert", ADD),
        ("update", {"ids": ["a"]}),
        ("count", None),
    ],
)
def test_what_cannot_be_said_is_a_denial_everywhere(
    operation: str, body: Any, adapter: Adapter, ask: Ask, records: str
) -> None:
    """A condition that Chroma cannot be asked for denies each operation on records, also beside one that it can."""
    opaque = OpaqueCondition(operator="contains", field="document")
    reading = ask("GET" if body is None else "POST", f"{records}/{operation}", body)

    for condition in (opaque, CompoundCondition(operator="and", value=(T1, opaque))):
        assert refused(adapter, reading, Terms(where=condition)) == "obligation_unsupported"


def test_every_operation_on_records_knows_filter_and_stamp() -> None:
    """An operation on records is one of those that are tested here; one that is added must say what it does with them."""
    kinds = {
        shape.kind
        for row in routes.rows("chroma")
        if row.scope == "records" and (shape := SHAPES.get((row.method, row.template))) is not None
    }

    assert kinds == {"get", "query", "search", "count", "delete", "add", "update"}


# --- writes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadatas", "expected"),
    [
        ({}, [{"tenant": "t1"}, {"tenant": "t1"}]),
        ({"metadatas": None}, [{"tenant": "t1"}, {"tenant": "t1"}]),
        ({"metadatas": [None, {}]}, [{"tenant": "t1"}, {"tenant": "t1"}]),
        ({"metadatas": [{"tenant": "t2"}, {"x": 1}]}, [{"tenant": "t1"}, {"x": 1, "tenant": "t1"}]),
        ({"metadatas": [{"tenant": ["t2"]}, {"tenant": None}]}, [{"tenant": "t1"}, {"tenant": "t1"}]),
        (
            {"metadatas": [{"Tenant": "t2"}, {"tenant ": "t2"}]},
            [{"Tenant": "t2", "tenant": "t1"}, {"tenant ": "t2", "tenant": "t1"}],
        ),
    ],
)
@pytest.mark.parametrize("operation", ["add", "upsert", "update"])
@pytest.mark.parametrize("terms", [STAMP, BOTH])
def test_what_is_written_carries_the_stamp(
    *, operation: str, metadatas: Any, expected: Any, terms: Terms, adapter: Adapter, ask: Ask, records: str
) -> None:
    """Whatever was sent: another value, a list, a null that would take the field away, nothing at all."""
    body = {**ADD, **metadatas}

    assert {**body, "metadatas": expected} == sent(adapter, ask("POST", f"{records}/{operation}", body), terms)


def test_a_stamp_keeps_its_kind(adapter: Adapter, ask: Ask, records: str) -> None:
    """Texts, truth values and numbers are written as what they are, and the rest of the metadata to the last digit."""
    stamp = Terms(stamp={"t": "1", "b": True, "n": 1, "f": 0.5})
    reading = ask("POST", f"{records}/upsert", b'{"ids":["a"],"embeddings":[[1]],"metadatas":[{"x":1.50,"n":2}]}')

    written = adapter.write(adapter.narrow(reading, (stamp,))).body

    assert written == b'{"ids":["a"],"embeddings":[[1]],"metadatas":[{"x":1.50,"n":1,"t":"1","b":true,"f":0.5}]}'


@pytest.mark.parametrize("metadatas", [[], [{}], [{}, {}, {}]])
def test_metadata_of_another_length_is_no_way_round_the_stamp(metadatas: Any, adapter: Adapter, ask: Ask, records: str) -> None:
    """Records and metadata that do not match leave none unstamped: they are refused."""
    with pytest.raises(Malformed):
        adapter.narrow(ask("POST", f"{records}/upsert", {**ADD, "metadatas": metadatas}), (STAMP,))


@pytest.mark.parametrize(
    "stamp", [{"tenant": None}, {"document": "x"}, {"uri": "x"}, {"#id": "x"}, {"chroma:document": "x"}, {"n": 2**53 + 1}]
)
@pytest.mark.parametrize("operation", ["add", "upsert", "update"])
def test_a_stamp_that_cannot_be_kept_is_a_denial(
    stamp: dict[str, Any], operation: str, adapter: Adapter, ask: Ask, records: str
) -> None:
    """What Chroma could not hold, or could not find again, is not stamped halfway."""
    assert refused(adapter, ask("POST", f"{records}/{operation}", ADD), Terms(stamp=stamp)) == "obligation_unsupported"


@pytest.mark.parametrize(
    ("operation", "metadatas", "expected"),
    [
        ("add", [{"tenant": "t1"}, {"tenant": "t1", "x": 1}], ""),
        ("add", [{"tenant": "t1"}, {"tenant": "t2"}], "record_outside_filter"),
        ("add", [{"tenant": "t1"}, {}], "record_outside_filter"),
        ("add", [{"tenant": "t1"}, {"tenant": ["t1"]}], "record_outside_filter"),
        ("add", None, "record_outside_filter"),
        ("upsert", [{"tenant": "t1"}, {"tenant": "t1"}], ""),
        ("upsert", [{"tenant": "t1"}, None], "record_outside_filter"),
        ("upsert", [{"tenant": "t1"}, {"tenant": "t2"}], "record_outside_filter"),
        ("update", [{"x": 1}, None], ""),
        ("update", None, ""),
        ("update", [{"tenant": "t1"}, {"x": None}], ""),
        ("update", [{"tenant": "t2"}, None], "record_outside_filter"),
        ("update", [{"tenant": None}, None], "record_outside_filter"),
    ],
)
def test_without_a_stamp_nothing_is_written_out_of_the_filter(
    *, operation: str, metadatas: Any, expected: str, adapter: Adapter, ask: Ask, records: str
) -> None:
    """A filter alone keeps what is written inside it: nobody plants a record with another tenant, or gives one away."""
    body = {**ADD, "metadatas": metadatas}

    assert expected == refused(adapter, ask("POST", f"{records}/{operation}", body), FILTER)
    assert refused(adapter, ask("POST", f"{records}/{operation}", body), BOTH) == ""


def test_a_filter_alone_changes_nothing_of_what_is_written(adapter: Adapter, ask: Ask, records: str) -> None:
    """Without a stamp what is sent is written as it was sent."""
    body = {"ids": ["a"], "documents": ["x"]}

    assert body == sent(adapter, ask("POST", f"{records}/update", body), FILTER)


# --- whose records ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "body", "ids", "checked"),
    [
        ("add", ADD, ("a", "b"), (False, True, True)),
        ("upsert", ADD, ("a", "b"), (False, True, True)),
        ("update", {"ids": ["a"]}, ("a",), (False, True, True)),
        ("delete", {"ids": ["a"]}, ("a",), (False, True, True)),
        ("delete", {"where": {"x": 1}}, None, (False, True, True)),
    ],
)
def test_what_is_written_is_reserved(
    *, operation: str, body: Any, ids: Any, checked: tuple[bool, ...], adapter: Adapter, ask: Ask, records: str
) -> None:
    """Whoever writes reserves the records; alone, where it matters whose they are."""
    sent = {**body, "metadatas": [{"tenant": "t1"}] * 2} if operation in {"add", "upsert"} else body
    reading = ask("POST", f"{records}/{operation}", sent)

    assert [Reservation(collection=COLLECTION, ids=ids, checked=each) for each in checked] == [
        adapter.narrow(reading, (terms,)).reserves for terms in (Terms(), STAMP, FILTER)
    ]


@pytest.mark.parametrize(("operation", "body"), [("get", {"ids": ["a"]}), ("query", QUERY), ("search", {"searches": [{}]})])
def test_what_reads_reserves_and_asks_nothing(operation: str, body: Any, adapter: Adapter, ask: Ask, records: str) -> None:
    """A read goes its way."""
    reading = adapter.narrow(ask("POST", f"{records}/{operation}", body), (BOTH,))

    assert (reading.reserves, reading.questions) == (None, ())


@pytest.mark.parametrize("operation", ["add", "upsert", "update"])
def test_a_write_without_filter_and_stamp_has_no_question(operation: str, adapter: Adapter, ask: Ask, records: str) -> None:
    """Who may write everything is not held up."""
    assert adapter.narrow(ask("POST", f"{records}/{operation}", ADD), (Terms(),)).questions == ()


def told(adapter: Adapter, reading: Reading, own: Any, there: Any) -> Reading:
    """Return a narrowed write as it goes on once the database has said whose the records are."""
    first, second = reading.questions
    facts: Facts = {first: own, second: there}
    return adapter.resolve(reading, facts)


@pytest.mark.parametrize("terms", [STAMP, FILTER, BOTH])
@pytest.mark.parametrize("operation", ["add", "upsert", "update"])
def test_a_write_goes_on_over_what_is_free_or_own(
    operation: str, terms: Terms, adapter: Adapter, ask: Ask, records: str
) -> None:
    """Nothing there, or only the caller's own; one foreign record among many stops all."""
    reading = ask("POST", f"{records}/{operation}", {**ADD, "metadatas": [{"tenant": "t1"}] * 2})
    narrowed = adapter.narrow(reading, (terms,))

    for own, there in (([], []), (["a"], ["a"]), (["a", "b"], ["b", "a"])):
        settled = told(adapter, narrowed, {"ids": own}, {"ids": there})
        assert settled.questions == ()
        assert operation == "update" or adapter.write(settled) == adapter.write(narrowed)
    for own, there in (([], ["a"]), (["a"], ["a", "b"])):
        with pytest.raises(Denied) as found:
            told(adapter, narrowed, {"ids": own}, {"ids": there})
        assert found.value.code == "record_foreign"
        assert not isinstance(found.value, Unfulfillable)


UPDATE = {
    "ids": ["a", "b", "c"],
    "embeddings": [[1], [2.5], [3]],
    "documents": ["x", None, "z"],
    "metadatas": [{"n": 1}, None, {"n": 3}],
    "uris": None,
}


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (["c", "b", "a"], [0, 1, 2]),
        (["c", "a"], [0, 2]),
        (["b"], [1]),
        ([], []),
    ],
)
def test_a_vector_is_not_planted_for_a_record_to_come(
    there: list[str], expected: list[int], adapter: Adapter, ask: Ask, records: str
) -> None:
    """An update leaves out the records that are not there, in every column, and nothing else changes."""
    narrowed = adapter.narrow(ask("POST", f"{records}/update", UPDATE), (FILTER,))

    written = json.loads(adapter.write(told(adapter, narrowed, {"ids": there}, {"ids": there})).body or b"")

    assert written == {name: column and [column[index] for index in expected] for name, column in UPDATE.items()}  # type: ignore[index]


@pytest.mark.parametrize("column", ["embeddings", "documents", "uris"])
def test_columns_of_another_length_are_not_taken_apart(column: str, adapter: Adapter, ask: Ask, records: str) -> None:
    """Where it is not clear which entry is whose, nothing is left out, and nothing goes on."""
    narrowed = adapter.narrow(ask("POST", f"{records}/update", {"ids": ["a", "b"], column: ["AAAA"]}), (STAMP,))

    with pytest.raises(Malformed):
        told(adapter, narrowed, {"ids": ["a"]}, {"ids": ["a"]})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(None, NotFound), ([], UpstreamError), ({}, UpstreamError), ({"ids": [1]}, UpstreamError), ({"ids": None}, UpstreamError)],
)
def test_a_database_that_does_not_say_whose_records_they_are(
    answer: Any, expected: type[Error], adapter: Adapter, ask: Ask, records: str
) -> None:
    """Neither a collection that has gone nor an answer of another form lets a write through."""
    narrowed = adapter.narrow(ask("POST", f"{records}/upsert", ADD), (STAMP,))

    nothing: Any = {"ids": []}
    for own, there in ((answer, nothing), (nothing, answer)):
        with pytest.raises(expected):
            told(adapter, narrowed, own, there)


def test_questions_are_of_this_moment(adapter: Adapter, ask: Ask, records: str) -> None:
    """Whose records they are is asked each time, first which are own: what comes meanwhile then counts as foreign."""
    own, there = adapter.narrow(ask("POST", f"{records}/upsert", ADD), (STAMP,)).questions

    assert (own.kept, there.kept, own.target, there.target) == (False, False, f"{records}/get", f"{records}/get")
    assert json.loads(own.body or b"") == {"ids": ["a", "b"], "include": [], "where": CLAUSE}
    assert json.loads(there.body or b"") == {"ids": ["a", "b"], "include": []}
