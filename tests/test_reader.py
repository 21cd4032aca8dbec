"""Under the reader's starter policy nothing masked and no embedding comes out, whatever the records and whatever is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.engines.cache import DecisionCache
from extproc.engines.embedded import EmbeddedEngine
from extproc.events import Immediate, Replace
from support.exchange import Bench, bench, delivered, request, response
from support.gateway import STARTER
from support.shelf import RECORDS

MASKED = ("email", "name", "phone", "card", "ssn", "api_key")


@pytest.fixture(scope="module")
def reading() -> Iterator[tuple[Bench, asyncio.Runner]]:
    """Put the starter policy behind a guard, with an event loop to drive it."""
    with asyncio.Runner() as runner:
        engine = EmbeddedEngine.load(STARTER, "vecgate/authz/decision", 30.0)
        yield bench(DecisionCache(engine, clock=lambda: 0.0)), runner
        runner.run(engine.close())


# Long enough that no other part of an answer holds one by chance, and full of what JSON has to escape.
secrets = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=12, max_size=30).map(lambda s: f"§{s}§")
PLANTED = (
    "omar.quinn@example.net",
    "+44 20 7946 0123",
    "+1 303 555 0158",
    "4242 4295 7319 7820",
    "4242429573197820",
    "520-25-2260",
    "DE89 3704 0044 0532 0130 00",
    "203.0.113.77",
    "00:1b:44:11:3a:b7",
    "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
    "sk_live_9aF3kLm2Qw8Zx7Vb6Nn5Tt4R",
    "AKIAIOSFODNN7EXAMPLQ",
)
planted = st.sampled_from(PLANTED)
"""Values that are found inside texts."""
# Without what would make another value of the planted one: digits and letters beside it, and what joins them.
around = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "N", "L"], exclude_characters="@./:-_+#%&=,()$"), max_size=20
)
numbers = st.integers(10**12, 10**15)
coordinates = st.floats(0.1, 0.9, allow_nan=False).map(lambda value: value + 1e-7 / 3)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """Return one record: hidden values, open ones, a vector, maybe a sparse one."""
    metadata: dict[str, Any] = {"n": draw(st.integers(0, 9)), "open": draw(st.sampled_from(["a", "b"]))}
    for field in draw(st.sets(st.sampled_from(MASKED))):
        metadata[field] = draw(secrets | numbers | st.lists(secrets, min_size=1, max_size=2))
    if draw(st.booleans()):
        metadata["sparse"] = {"#type": "sparse_vector", "indices": [1, 5], "values": [draw(coordinates), draw(coordinates)]}
    return {
        "id": f"r{draw(st.integers(0, 99))}",
        "metadata": draw(st.just(metadata) | st.just(metadata) | st.none()),
        "document": draw(st.none() | st.tuples(around, planted, around).map(" ".join)),
        "vector": draw(st.lists(coordinates, min_size=2, max_size=4)),
        "score": draw(st.floats(0, 1)),
    }


def columns(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return records as Chroma's columns."""
    return {
        "ids": [each["id"] for each in found],
        "embeddings": [each["vector"] for each in found],
        "documents": [each["document"] for each in found],
        "uris": [None for _ in found],
        "metadatas": [each["metadata"] for each in found],
    }


def hidden(found: list[dict[str, Any]]) -> list[Any]:
    """Return every value that a reader may not see."""
    values: list[Any] = []
    for each in found:
        values += each["vector"]
        values += [value for value in PLANTED if value in (each["document"] or "")]
        metadata = each["metadata"] or {}
        for field in MASKED:
            value = metadata.get(field)
            values += value if isinstance(value, list) else [value]
        values += metadata.get("sparse", {}).get("values", [])
    return [value for value in values if value is not None]


def appears(value: Any, body: bytes) -> bool:
    """Whether a value stands in the bytes of an answer, escaped in whatever way or not."""
    text = json.dumps(value)
    plain = value if isinstance(value, str) else text
    readable = json.dumps(json.loads(body), ensure_ascii=False)
    return any(form.encode() in body for form in (text, plain)) or json.dumps(value, ensure_ascii=False) in readable


def asked(reading: tuple[Bench, asyncio.Runner], action: str, body: dict[str, Any], answer: dict[str, Any]) -> bytes:
    """Return what a reader receives when the database gives `answer`, having asked for `body`."""
    guard, runner = reading

    async def play() -> bytes:
        exchange = guard.exchange()
        reply = await exchange.handle(request(f"{RECORDS}/{action}", body))
        assert isinstance(reply, Replace), reply
        came = response(answer)
        released = await exchange.handle(came)
        assert not isinstance(released, Immediate), released
        return delivered(released, came)

    return runner.run(play())


includes = st.none() | st.lists(st.sampled_from(["documents", "metadatas", "embeddings", "uris"]), unique=True, max_size=4)


@given(found=st.lists(records(), max_size=4), include=includes, limit=st.none() | st.integers(1, 200))
@settings(max_examples=100)
def test_get_shows_a_reader_nothing_masked(
    reading: tuple[Bench, asyncio.Runner], found: list[dict[str, Any]], include: list[str] | None, limit: int | None
) -> None:
    """No masked value and no number of a vector is in any byte of an answer to get."""
    body = {name: value for name, value in (("include", include), ("limit", limit)) if value is not None}
    answer = columns(found) | {"include": include or ["metadatas", "documents"]}

    came = asked(reading, "get", body, answer)

    assert [value for value in hidden(found) if appears(value, came)] == []
    assert json.loads(came)["ids"] == [each["id"] for each in found]


@given(batches=st.lists(st.lists(records(), max_size=3), min_size=1, max_size=3), include=includes, most=st.integers(1, 200))
@settings(max_examples=100)
def test_query_shows_a_reader_nothing_masked(
    reading: tuple[Bench, asyncio.Runner], batches: list[list[dict[str, Any]]], include: list[str] | None, most: int
) -> None:
    """No masked value and no number of a vector is in any byte of an answer to query, of however many vectors."""
    body: dict[str, Any] = {"query_embeddings": [[0.5, 0.5]] * len(batches), "n_results": most}
    if include is not None:
        body["include"] = include
    each = [columns(found) for found in batches]
    answer = {name: [one[name] for one in each] for name in each[0]} | {
        "distances": [[record["score"] for record in found] for found in batches],
        "include": [*(include or ["metadatas", "documents"]), "distances"],
    }

    came = asked(reading, "query", body, answer)

    assert [value for found in batches for value in hidden(found) if appears(value, came)] == []
    assert json.loads(came)["ids"] == [[record["id"] for record in found] for found in batches]


@given(batches=st.lists(st.lists(records(), max_size=3), min_size=1, max_size=3))
@settings(max_examples=100)
def test_search_shows_a_reader_nothing_masked(
    reading: tuple[Bench, asyncio.Runner], batches: list[list[dict[str, Any]]]
) -> None:
    """No masked value and no number of a vector is in any byte of an answer to search, of however many searches."""
    select = {"keys": ["#document", "#embedding", "#metadata", "#score"]}
    body = {"searches": [{"rank": {"$knn": {"query": [0.5, 0.5]}}, "limit": {"limit": 5}, "select": select}] * len(batches)}
    each = [columns(found) for found in batches]
    answer = {name: [one[name] for one in each] for name in ("ids", "documents", "embeddings", "metadatas")} | {
        "scores": [[record["score"] for record in found] for found in batches],
        "select": [["Document", "Embedding", "Metadata", "Score"]] * len(batches),
    }

    came = asked(reading, "search", body, answer)

    assert [value for found in batches for value in hidden(found) if appears(value, came)] == []
    assert json.loads(came)["ids"] == [[record["id"] for record in found] for found in batches]


def test_the_property_would_notice_a_value(reading: tuple[Bench, asyncio.Runner]) -> None:
    """The search for hidden values finds one that does come through: an admin's answer holds them all."""
    record = {
        "id": "r",
        "metadata": {"email": "§a secret one§"},
        "document": "§text§ omar.quinn@example.net",
        "vector": [0.123],
        "score": 0.5,
    }
    body = json.dumps(columns([record])).encode()

    assert all(appears(value, body) for value in hidden([record]))
