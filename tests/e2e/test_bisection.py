"""A masked value cannot be read out by asking about it: not through filters, orders, groups, counts, errors or dropped scores.

Two collections hold the same records but for what is masked. Whatever a reader asks, both must give the same answer; whoever
sees the values gets them by the same questions, so the questions are good ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from chromadb.api.models.Collection import Collection
from hypothesis import given, settings
from hypothesis import strategies as st

from support.gateway import Gateway, chroma_client, running
from support.obliged import AS_TOLD, Obligation, compared, http, mask, only, reason

pytestmark = pytest.mark.envoy

READER: tuple[Obligation, ...] = (
    mask("ssn", "salary", "notes", "document"),
    {"type": "vectors", "return": False},
    {"type": "scores", "mode": "drop"},
)
COUNT = 6
SECRETS = {
    "left": [("078-05-1120", 4100, "flu", "alpha ward"), ("219-09-9999", 900, "flu", "beta ward")],
    "right": [("457-55-5462", 87000, "none", "gamma ward"), ("078-05-1121", 4101, "flu", "alpha wing")],
}
TARGET = "r0"


def secret(world: str, index: int) -> tuple[str, int, str, str]:
    """Return what is masked of a record: a text, a number, a list's element, the record's text."""
    return SECRETS[world][index % 2]


@pytest.fixture(scope="module")
def gateway(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway before the real Chroma; the caller's token says what is masked."""
    with running(tmp_path_factory.mktemp("bisection"), f"http://127.0.0.1:{chroma}", policy=AS_TOLD) as found:
        yield found


@pytest.fixture(scope="module")
def worlds(chroma: int) -> dict[str, Collection]:
    """Return two collections that differ in nothing but what is masked."""
    client = chroma_client(chroma)
    made = {world: client.create_collection(f"bisection-{world}", embedding_function=None) for world in SECRETS}
    for world, collection in made.items():
        hidden = [secret(world, index) for index in range(COUNT)]
        collection.add(
            ids=[f"r{index}" for index in range(COUNT)],
            embeddings=[[float(index), 1.0] for index in range(COUNT)],
            metadatas=[
                {"n": index, "unit": "ab"[index % 2], "ssn": ssn, "salary": salary, "notes": [note, "seen"]}
                for index, (ssn, salary, note, _) in enumerate(hidden)
            ],
            documents=[text for *_, text in hidden],
        )
    return made


def asked(caller: httpx.Client, collection: Collection, operation: str, body: Any) -> httpx.Response:
    """Return the answer to one request; without a body it is a GET."""
    target = f"/api/v2/tenants/default_tenant/databases/default_database/collections/{collection.id}/{operation}"
    return caller.get(target) if body is None else caller.post(target, json=body)


def comparable(answer: httpx.Response) -> tuple[int, Any, str]:
    """Return all that an answer tells but the exchange's own number: status, body, and its length."""
    body = answer.json()
    if isinstance(body, dict) and "message" in body:
        body["message"] = re.sub(r"exchange [0-9a-f]{32}", "exchange", body["message"])
    return answer.status_code, body, answer.headers.get("content-length", "")


# --- whatever is asked ----------------------------------------------------------------------------------------------------

FIELDS = st.sampled_from(
    ["ssn", "salary", "notes", "document", "n", "unit", "#document", "#id", "chroma:document", "chroma:uri", "uri", "Ssn", "*"]
)
OPERANDS = st.sampled_from(["078-05-1120", "alpha ward", "flu", "a", "", 4100, 4100.5, 900, 0, 1, True, 87000])
OPERATORS = st.sampled_from(
    ["$eq", "$ne", "$lt", "$lte", "$gt", "$gte", "$contains", "$not_contains", "$regex", "$not_regex", "$exists"]
)
LEAVES = st.one_of(
    st.builds(lambda field, operator, value: {field: {operator: value}}, FIELDS, OPERATORS, OPERANDS),
    st.builds(lambda field, value: {field: value}, FIELDS, OPERANDS),
    st.builds(
        lambda field, operator, values: {field: {operator: values}},
        FIELDS,
        st.sampled_from(["$in", "$nin"]),
        st.lists(OPERANDS, min_size=1, max_size=3),
    ),
)
WHERES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda join, parts: {join: parts}, st.sampled_from(["$and", "$or", "$not"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=4,
)
TEXTS = st.builds(
    lambda operator, value: {operator: value},
    st.sampled_from(["$contains", "$not_contains", "$regex", "$not_regex"]),
    st.sampled_from(["alpha", "^a", "ward", "w[ai]", ""]),
)
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "where": WHERES,
        "where_document": TEXTS,
        "ids": st.lists(st.sampled_from(["r0", "r1", "r2", "zz"]), unique=True, max_size=3),
        "include": st.lists(st.sampled_from(["documents", "metadatas", "embeddings", "distances", "uris"]), unique=True),
    },
)
# From each of these all records are at different distances: among equals Chroma has no order.
VECTORS = st.lists(st.lists(st.sampled_from([0.1, 1.2, 2.3, 4.4]), min_size=2, max_size=2), min_size=1, max_size=2)
GETS = st.builds(lambda body, limit: ("get", {**body, "limit": limit}), CHOICES, st.integers(0, COUNT))
QUERIES = st.builds(
    lambda body, vectors, count: ("query", {**body, "query_embeddings": vectors, "n_results": count}),
    CHOICES,
    VECTORS,
    st.integers(0, COUNT + 2),
)
KEYS = st.lists(FIELDS, min_size=1, max_size=2)
SEARCHES = st.builds(
    lambda where, keys, picked, select: (
        "search",
        {
            "searches": [
                {
                    "filter": where,
                    "group_by": {"keys": keys, "aggregate": {"$min_k": {"keys": picked, "k": 1}}},
                    "rank": {"$knn": {"query": [1.0, 1.0]}},
                    "select": {"keys": select},
                }
            ]
        },
    ),
    st.just({}) | WHERES,
    KEYS,
    KEYS,
    st.lists(st.sampled_from(["#document", "#score", "#metadata", "ssn"]), unique=True),
)
# What is deleted would be gone for the next question, so a deletion names a record that is not there.
DELETIONS = st.builds(lambda body: ("delete", {"ids": ["zz"], **{key: body[key] for key in body if "where" in key}}), CHOICES)
REQUESTS = st.one_of(GETS, QUERIES, SEARCHES, DELETIONS, st.just(("count", None)))


@given(request=REQUESTS)
@settings(max_examples=400)
def test_no_answer_depends_on_what_is_masked(request: tuple[str, Any], gateway: Gateway, worlds: dict[str, Collection]) -> None:
    """Status, body and length of every answer, refusals and errors included, are the same whatever the masked values are."""
    with http(gateway, *READER) as reader:
        left, right = (comparable(asked(reader, worlds[world], *request)) for world in SECRETS)

    assert left == right


@given(request=REQUESTS)
@settings(max_examples=100)
def test_a_filter_of_the_policys_on_an_open_field_changes_nothing_of_that(
    request: tuple[str, Any], gateway: Gateway, worlds: dict[str, Collection]
) -> None:
    """Under a row filter answers are as blind to what is masked; a filter by a masked field tells of it what it filters."""
    with http(gateway, *READER, only(compared("eq", "unit", "a"))) as reader:
        left, right = (comparable(asked(reader, worlds[world], *request)) for world in SECRETS)

    assert left == right


# --- the same questions, to somebody who may ask them -------------------------------------------------------------------------

Ask = Callable[[str, dict[str, Any]], httpx.Response]


def by_number(ask: Ask, operation: str) -> int | None:
    """Read out a number by halving, seventeen questions long; None where it is not answered."""
    low, high = 0, 1 << 17
    while high - low > 1:
        middle = (low + high) // 2
        body: dict[str, Any] = {"ids": [TARGET], "where": {"salary": {"$gte": middle}}}
        answer = ask(operation, body | ({"query_embeddings": [[0.0, 0.0]]} if operation == "query" else {}))
        if not answer.is_success:
            return None
        low, high = (middle, high) if TARGET in str(answer.json()["ids"]) else (low, middle)
    return low


def by_letters(ask: Ask, operation: str) -> str | None:
    """Read out a text letter by letter; None where it is not answered."""
    found = ""
    while True:
        for letter in (*"abcdefghijklmnopqrstuvwxyz ", None):
            if letter is None:
                return found
            body: dict[str, Any] = {"ids": [TARGET], "where_document": {"$regex": f"^{found}{letter}"}}
            answer = ask(operation, body | ({"query_embeddings": [[0.0, 0.0]]} if operation == "query" else {}))
            if not answer.is_success:
                return None
            if TARGET in str(answer.json()["ids"]):
                found += letter
                break


@pytest.mark.parametrize("operation", ["get", "query"])
@pytest.mark.parametrize("world", SECRETS)
def test_bisection_succeeds_where_nothing_is_masked_and_learns_nothing_where_it_is(
    world: str, operation: str, gateway: Gateway, worlds: dict[str, Collection]
) -> None:
    """Who may see the values reads them out by these questions; who may not gets no answer to the first."""
    _, salary, _, text = secret(world, 0)
    learnt = []
    for obligations in ((), READER):
        with http(gateway, *obligations) as caller:

            def ask(operation: str, body: dict[str, Any], caller: httpx.Client = caller) -> httpx.Response:
                return asked(caller, worlds[world], operation, body)

            learnt.append((by_number(ask, operation), by_letters(ask, operation)))

    assert learnt == [(salary, text), (None, None)]


ORACLES: dict[str, tuple[str, dict[str, Any]]] = {
    "a filter": ("get", {"where": {"ssn": "078-05-1120"}}),
    "a filter deep inside": ("get", {"where": {"$and": [{"n": 1}, {"$or": [{"n": 2}, {"ssn": {"$ne": "x"}}]}]}}),
    "a filter on the text": ("get", {"where_document": {"$contains": "alpha"}}),
    "the text by its other name": ("get", {"where": {"#document": {"$contains": "alpha"}}}),
    "a list": ("get", {"where": {"notes": {"$contains": "flu"}}}),
    "a search's filter": ("query", {"query_embeddings": [[0, 0]], "where": {"salary": {"$gt": 1}}}),
    "a deletion that tells how many": ("delete", {"where": {"ssn": "078-05-1120"}}),
    "a deletion by the text": ("delete", {"where_document": {"$regex": "^alpha"}}),
    "a group": ("search", {"searches": [{"group_by": {"keys": ["ssn"], "aggregate": {"$min_k": {"keys": ["n"], "k": 1}}}}]}),
    "an order": (
        "search",
        {"searches": [{"group_by": {"keys": ["n"], "aggregate": {"$max_k": {"keys": ["salary"], "k": 1}}}}]},
    ),
    "a rank by a field": ("search", {"searches": [{"rank": {"$knn": {"query": [1], "key": "notes"}}}]}),
    "one search among others": ("search", {"searches": [{}, {"filter": {"salary": {"$lt": 5}}}]}),
}


@pytest.mark.parametrize("name", ORACLES)
def test_an_oracle_is_closed_by_its_name(name: str, gateway: Gateway, worlds: dict[str, Collection]) -> None:
    """Each way to ask about a masked field is refused with the same reason, and tells nothing beside it."""
    operation, body = ORACLES[name]
    with http(gateway, *READER) as reader:
        answers = [asked(reader, worlds[world], operation, body) for world in SECRETS]

    assert [reason(answer) for answer in answers] == ["masked_field_predicate"] * 2
    assert all(value not in answer.text for answer in answers for value in ("078-05", "alpha", "flu"))


def test_the_databases_own_name_of_a_text_is_nobodys_to_ask_for(gateway: Gateway, worlds: dict[str, Collection]) -> None:
    """Chroma keeps a text among the metadata as well; that key is refused whether masked or not."""
    for obligations in ((), READER):
        with http(gateway, *obligations) as caller:
            answer = asked(caller, worlds["left"], "get", {"where": {"chroma:document": "alpha ward"}})
            assert reason(answer) == "field_unknown"


# --- scores -------------------------------------------------------------------------------------------------------------------


def test_dropped_scores_do_not_tell_a_right_guess_from_a_wrong_one(chroma: int, gateway: Gateway) -> None:
    """Who sees distances knows a guessed vector by its zero; without them a right guess is answered like a wrong one."""
    collection = chroma_client(chroma).create_collection("guesses", embedding_function=None)
    collection.add(ids=["r0", "r1"], embeddings=[[3.0, 4.0], [90.0, 90.0]], documents=["hidden", "far away"])
    answers = {}
    for who, obligations in (("sees", ()), ("reader", READER)):
        with http(gateway, *obligations) as caller:
            answers[who] = [
                asked(caller, collection, "query", {"query_embeddings": [guess], "include": ["distances"]}).json()
                for guess in ([3.0, 4.0], [5.0, 1.0])
            ]

    right, wrong = answers["sees"]
    assert (right["distances"][0][0], wrong["distances"][0][0]) == (0.0, 13.0)
    assert answers["reader"][0] == answers["reader"][1]
    assert answers["reader"][0]["distances"] is None


def test_ranking_still_tells_what_is_nearer(chroma: int, gateway: Gateway) -> None:
    """What docs/policy.md says: the order alone tells on which side of two known records a hidden one lies."""
    collection = chroma_client(chroma).create_collection("ranking", embedding_function=None)
    collection.add(ids=["known", "hidden"], embeddings=[[0.0, 0.0], [10.0, 0.0]])
    with http(gateway, *READER) as reader:
        orders = [
            asked(reader, collection, "query", {"query_embeddings": [[at, 0.0]], "include": []}).json()["ids"][0]
            for at in (4.0, 6.0)
        ]

    assert orders == [["known", "hidden"], ["hidden", "known"]]


def test_the_two_worlds_differ_in_all_that_is_masked() -> None:
    """A masked value that is the same in both would prove nothing."""
    left, right = ([secret(world, index) for index in range(COUNT)] for world in SECRETS)

    assert all(one != other for one, other in zip(zip(*left, strict=True), zip(*right, strict=True), strict=True))
