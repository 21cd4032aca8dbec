"""A gateway that only observes, on a real Envoy and Chroma: to who has a token nothing is different, and all is on record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chromadb.api import ClientAPI
from chromadb.errors import ChromaAuthError

from extproc.audit.leaf import Leaf
from extproc.audit.reader import read_leaves
from support.gateway import RAW_KEY, STARTER, Gateway, chroma_client, running
from support.tap import Tap, tapped

pytestmark = pytest.mark.envoy
CARD = "4929123456789012"
TICKETS: dict[str, Any] = {
    "ids": ["t1", "t2"],
    "embeddings": [[1.0, 0.0], [0.0, 1.0]],
    "documents": ["a@b.test was charged twice", "c@d.test was never charged"],
    "metadatas": [{"email": "a@b.test", "card": CARD}, {"email": "c@d.test", "card": CARD}],
}


@pytest.fixture(scope="module")
def tap(chroma: int) -> Iterator[Tap]:
    """Write down what reaches the database."""
    with tapped(chroma) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(tap: Tap, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under the starter policy, observed."""
    place = f"http://127.0.0.1:{tap.port}"
    with running(tmp_path_factory.mktemp("observe"), place, policy=STARTER, enforcement="observe") as found:
        yield found


@pytest.fixture
def direct(chroma: int) -> Iterator[ClientAPI]:
    """Return a client past the gateway, with a collection of two tickets that is gone afterwards."""
    client = chroma_client(chroma)
    client.create_collection("observed", embedding_function=None).add(**TICKETS)
    yield client
    client.delete_collection("observed")


def next_index(gateway: Gateway) -> int:
    """Return the index that the next entry gets."""
    return 1 + max(leaf.index for leaf in read_leaves(gateway.audit))


def outcomes(gateway: Gateway, since: int) -> list[Leaf]:
    """Return how the exchanges from one index on ended."""
    return [leaf for leaf in read_leaves(gateway.audit) if leaf.index >= since and leaf.kind != "intent"]


def plain(found: Any) -> dict[str, Any]:
    """Return what a client found as plain values."""
    return dict(found) | {"embeddings": [[list(vector) for vector in vectors] for vectors in found["embeddings"]]}


def test_a_reader_gets_what_the_database_has_and_the_record_says_what_would_have_been_hidden(
    gateway: Gateway, direct: ClientAPI
) -> None:
    """Texts, fields, vectors and exact scores come as they are; the entry counts what a mask would have hidden."""
    columns = ["documents", "metadatas", "embeddings", "distances"]
    asked: dict[str, Any] = {"query_embeddings": [[1.0, 0.5]], "n_results": 2, "include": columns}
    collection = gateway.chroma("reader").get_collection("observed", embedding_function=None)
    since = next_index(gateway)

    found = collection.query(**asked)
    expected = direct.get_collection("observed", embedding_function=None).query(**asked)
    (leaf,) = outcomes(gateway, since)

    assert plain(found) == plain(expected)
    assert (leaf.detail, leaf.decision, leaf.end) == ({"enforcement": "observe"}, "allow", "delivered")
    assert leaf.facts[0].obligations == ("detect", "limit", "mask", "scores", "vectors")
    assert (leaf.facts[0].rows, leaf.facts[0].masked_fields, leaf.facts[0].masked_values) == (
        2,
        ("card", "document", "email"),
        6,
    )


def test_what_would_be_denied_is_done_and_on_record(gateway: Gateway, direct: ClientAPI) -> None:
    """A reader writes, filters by a masked field and deletes; each entry says what enforcement would have said."""
    collection = gateway.chroma("reader").get_collection("observed", embedding_function=None)
    since = next_index(gateway)

    collection.upsert(ids=["t3"], embeddings=[[1.0, 1.0]], documents=["written by a reader"])
    filtered = collection.get(where={"email": "a@b.test"})
    collection.delete(ids=["t2"])
    there = direct.get_collection("observed", embedding_function=None).get()
    found = [
        (leaf.facts[0].action, leaf.decision, leaf.reasons, leaf.end, leaf.status)
        for leaf in outcomes(gateway, since)
        if leaf.facts[0].action != "meta"
    ]

    assert filtered["ids"] == ["t1"]
    assert sorted(there["ids"]) == ["t1", "t3"]
    assert found == [
        ("upsert", "deny", ("action_not_granted",), "delivered", 200),
        ("scroll", "deny", ("masked_field_predicate",), "delivered", 200),
        ("delete_records", "deny", ("action_not_granted",), "delivered", 200),
    ]


def test_what_is_not_the_policys_is_done_as_ever(gateway: Gateway, tap: Tap, direct: ClientAPI) -> None:
    """Strangers, unknown requests and oversized bodies are refused; what leaves is canonical, with the gateway's own key."""
    del direct
    token = gateway.issuer.token("nobody-that-any-policy-knows")
    path = "/api/v2/tenants/default_tenant/databases/default_database/collections/observed"
    with gateway.http() as stranger, gateway.http() as known:
        known.headers["x-chroma-token"] = token
        seen = len(tap.seen)
        refused = [
            stranger.get(path),
            stranger.get(path, headers={"x-chroma-token": gateway.issuer.forged("admin")}),
            known.get("/api/v2/nothing-of-the-kind"),
            known.post(path.removesuffix("/observed"), json={"name": "other", "unknown": 1}),
        ]
        reached = len(tap.seen) - seen
        answered = known.get(path, headers={"x-secret": "1"})
    (request,) = tap.seen[seen:]
    headers = dict(request.headers)

    assert [answer.status_code for answer in refused] == [401, 401, 403, 403]
    assert (reached, answered.status_code) == (0, 200)
    assert (headers["x-chroma-token"], "x-secret" in headers) == (RAW_KEY, False)
    assert token not in str(request)


def test_it_is_loud(gateway: Gateway) -> None:
    """The log of the program and the first entry of the worker say that nothing is enforced."""
    (start,) = (leaf for leaf in read_leaves(gateway.audit) if leaf.kind == "start")

    assert start.detail["observed"] == "kb"
    assert any("the policy of database kb is observed, NOT ENFORCED" in line for line in gateway.errors)


def test_the_nearest_twin_that_enforces_denies(starter_gateway: Gateway, direct: ClientAPI) -> None:
    """The same reader, policy and database, enforced."""
    del direct
    collection = starter_gateway.chroma("reader").get_collection("observed", embedding_function=None)

    with pytest.raises(ChromaAuthError, match="action_not_granted"):
        collection.delete(ids=["t2"])
    with pytest.raises(ChromaAuthError, match="masked_field_predicate"):
        collection.get(where={"email": "a@b.test"})
