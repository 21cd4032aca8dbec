"""What Chroma's `where` does, on a real one: the facts on which row filters rest."""

from __future__ import annotations

from typing import Any

import pytest
from chromadb.api.models.Collection import Collection
from chromadb.errors import InvalidArgumentError
from hypothesis import given, settings

from extproc.errors import Unfulfillable
from extproc.operation import CompoundCondition, Condition, FieldCondition
from extproc.protocols.chroma_dialect import where
from support.conditions import conditions, meets
from support.gateway import chroma_client

pytestmark = pytest.mark.envoy

PLAIN: list[Any] = [
    *("", "a", "A", "b", "1", "true", "a\0b", "é", "a'b", '"', "%", "$eq"),
    *(True, False),
    *(-2, -1, 0, 1, 2, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 1e-9, 2**53, -(2**53), 2**53 - 1, 1e15, 3.0e15, 2**53 + 1, 2**63 - 1),
]
LISTS: list[Any] = [["a", "b"], [1, 2], [1.0], [True]]
KEYS = ("k", "l", "K", "k.l", "odd key")


def _records() -> dict[str, dict[str, Any] | None]:
    """Return records of every kind: each value in one field or another, two fields, a list, nothing."""
    records: dict[str, dict[str, Any] | None] = {"bare": None, "other": {"other": "a"}}
    for index, value in enumerate([*PLAIN, *LISTS]):
        records[f"one-{index}"] = {"k": value}
        records[f"two-{index}"] = {KEYS[index % len(KEYS)]: value, KEYS[(index + 1) % len(KEYS)]: PLAIN[index * 7 % len(PLAIN)]}
    return records


RECORDS = _records()


@pytest.fixture(scope="module")
def collection(chroma: int) -> Collection:
    """Return a collection of the real Chroma with records of every kind."""
    made = chroma_client(chroma).create_collection("where", embedding_function=None)
    made.add(ids=list(RECORDS), embeddings=[[1.0, 0.0]] * len(RECORDS), metadatas=list(RECORDS.values()))
    return made


def found(collection: Collection, clause: dict[str, Any]) -> set[str]:
    """Return the ids of the records that Chroma finds."""
    return set(collection._client._get(collection_id=collection.id, where=clause, include=[])["ids"])


def by_key(clause: dict[str, Any], collection: Collection) -> list[Any]:
    """Return the values in `k` of the records of one field that Chroma finds, in the order of `PLAIN` and `LISTS`."""
    names = found(collection, {"k": clause})
    return [value for index, value in enumerate([*PLAIN, *LISTS]) if f"one-{index}" in names]


@given(condition=conditions())
@settings(max_examples=300)
def test_what_chroma_finds_is_what_a_condition_means(condition: Condition, collection: Collection) -> None:
    """For every condition that can be said, Chroma finds exactly the records that meet it."""
    expected = {name for name, record in RECORDS.items() if meets(condition, record or {})}

    assert expected == found(collection, where(condition))


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ({"$eq": 1}, [1, 1.0]),
        ({"$eq": 1.0}, [1, 1.0]),
        ({"$eq": "1"}, ["1"]),
        ({"$eq": True}, [True]),
        ({"$eq": ""}, [""]),
        ({"$in": ["1", "a"]}, ["a", "1"]),
        ({"$in": [1, 2]}, [1, 2, 1.0]),
        ({"$contains": 1}, [[1, 2]]),
        ({"$contains": 1.0}, [[1.0]]),
        ({"$contains": "a"}, [["a", "b"]]),
        ({"$contains": True}, [[True]]),
        ({"$eq": 1.5}, [1, 1.5]),
        ({"$eq": -1.5}, [-1, -1.5]),
        ({"$eq": 2**53 + 1}, [2**53 + 1]),
    ],
)
def test_values_are_compared_by_kind(clause: dict[str, Any], expected: list[Any], collection: Collection) -> None:
    """A number is neither a text nor a truth value, a list is none of them; and a fraction finds the whole number below it."""
    assert list(map(repr, expected)) == list(map(repr, by_key(clause, collection)))


@pytest.mark.parametrize("positive", [{"$eq": 1}, {"$eq": "a"}, {"$eq": True}, {"$in": ["a", "b"]}, {"$contains": 1}])
def test_a_negation_takes_every_other_record(positive: dict[str, Any], collection: Collection) -> None:
    """`$ne`, `$nin` and `$not_contains` find all that their opposites do not, also what lacks the field or has no metadata."""
    negations = {"$eq": "$ne", "$in": "$nin", "$contains": "$not_contains"}
    ((operator, value),) = positive.items()

    found_by_both = found(collection, {"k": positive}), found(collection, {"k": {negations[operator]: value}})

    assert (set(RECORDS), set()) == (found_by_both[0] | found_by_both[1], found_by_both[0] & found_by_both[1])
    assert {"bare", "other"} <= found_by_both[1]


@pytest.mark.parametrize(
    "clause",
    [
        {},
        {"$not": {"k": 1}},
        {"k": {"$not": {"$eq": 1}}},
        {"k": None},
        {"k": {"$eq": None}},
        {"k": {"$exists": True}},
        {"k": [1, 2]},
        {"k": {"$in": []}},
        {"k": {"$nin": []}},
        {"k": {"$in": [1, "a"]}},
        {"k": {"$in": [1, 1.0]}},
        {"k": {"$lt": "a"}},
        {"k": {"$gte": True}},
        {"k": {"$regex": "a"}},
        {"k": 1, "l": 1},
        {"k": {"$gt": 0, "$lt": 2}},
    ],
)
def test_what_chroma_does_not_take(clause: dict[str, Any], collection: Collection) -> None:
    """There is no negation, no null, no empty or mixed list, no order of texts, and one key an object."""
    with pytest.raises(InvalidArgumentError):
        found(collection, clause)


@pytest.mark.parametrize(("clause", "expected"), [({"$and": []}, set(RECORDS)), ({"$or": []}, set()), ({"#id": "bare"}, set())])
def test_what_chroma_takes_and_the_gateway_does_not_send(
    clause: dict[str, Any], expected: set[str], collection: Collection
) -> None:
    """Joins of nothing hold for all or for none; and a filter on ids finds nothing on a local Chroma."""
    assert expected == found(collection, clause)


@pytest.mark.parametrize(
    "condition",
    [
        CompoundCondition(operator="not", value=(FieldCondition(operator="lt", field="k", value=1),)),
        FieldCondition(operator="lt", field="k", value="a"),
        FieldCondition(operator="eq", field="k", value=None),
        FieldCondition(operator="eq", field="k", value=2**53 + 1),
    ],
)
def test_what_cannot_be_said_exactly_is_not_said(condition: Condition) -> None:
    """What Chroma would refuse or take otherwise is refused here."""
    with pytest.raises(Unfulfillable):
        where(condition)
