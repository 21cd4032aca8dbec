"""The evidence of an exchange: spans at a real OTLP receiver, entries in the log, and no value of a record in either."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.audit import keys
from extproc.audit.reader import open_private, read_leaves
from extproc.secret import SecretFile
from support.database import Recorder
from support.gateway import STARTER, Gateway, running
from support.otlp import Receiver, attributes
from support.shelf import EMAIL, JSON, RECORDS, TEXT

pytestmark = pytest.mark.envoy
SECRET_FILTER = "a-value-in-the-clients-own-filter"
CLIENT_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Run an OTLP receiver."""
    with Receiver() as found:
        yield found


@pytest.fixture(scope="module")
def gateway(book: Recorder, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under the starter policy that exports its spans."""
    with running(
        tmp_path_factory.mktemp("evidence"),
        f"http://127.0.0.1:{book.port}",
        policy=STARTER,
        audit={"otlp": f"http://127.0.0.1:{receiver.port}"},
    ) as found:
        yield found


def ask(gateway: Gateway, action: str, body: dict[str, Any], *roles: str) -> Any:
    """Return the answer to one request."""
    with gateway.http(*roles) as client:
        return client.post(
            f"{RECORDS}/{action}", content=json.dumps(body).encode(), headers=JSON | {"traceparent": CLIENT_TRACE}
        )


def exchange_of(gateway: Gateway) -> str:
    """Return the id of the last exchange."""
    return list(read_leaves(gateway.audit))[-1].exchange


def spans_of(receiver: Receiver, exchange: str) -> list[Any]:
    """Return the spans of one exchange, waiting for their export."""
    for _ in range(200):
        found = [
            span
            for span in receiver.of_service("vecgate")
            if attributes(span.attributes).get("vecgate.exchange.id") == exchange
        ]
        if found:
            return found
        time.sleep(0.05)
    pytest.fail("no span came")


def test_a_search_leaves_one_span_with_the_contracts_attributes(gateway: Gateway, receiver: Receiver) -> None:
    """The span names database, collection, action, user, decision, masks and entry, as the contract has them."""
    response = ask(gateway, "get", {"where": {"region": SECRET_FILTER}, "limit": 5}, "reader")
    assert response.status_code == 200
    exchange = exchange_of(gateway)

    (span,) = spans_of(receiver, exchange)

    told = attributes(span.attributes)
    revision = told.pop("vecgate.policy.revision")
    assert revision.startswith("sha256:")
    assert set(told.pop("vecgate.masked.fields")) >= {"document", "email"}
    assert told.pop("vecgate.masked.values") >= 2
    assert told.pop("vecgate.ledger.index") == list(read_leaves(gateway.audit))[-1].index
    assert "mask" in told.pop("vecgate.obligations")
    told.pop("vecgate.reasons", None)
    assert (told.pop("vecgate.masked.entities"), told.pop("vecgate.masked.entity_values")) == (["CREDIT_CARD"], [1])
    assert told == {
        "db.system.name": "chroma",
        "db.namespace": "kb",
        "db.collection.name": "tickets",
        "db.operation.name": "scroll",
        "db.query.summary": "scroll tickets",
        "db.response.returned_rows": 1,
        "user.id": f"{gateway.issuer.issuer}#user-reader",
        "vecgate.exchange.id": exchange,
        "vecgate.decision": "allow",
    }


def test_the_span_is_a_child_of_envoys_own(gateway: Gateway, receiver: Receiver) -> None:
    """Its parent is the span of Envoy's call to this service, not whatever the client says."""
    ask(gateway, "get", {"limit": 1}, "reader")
    (span,) = spans_of(receiver, exchange_of(gateway))

    for _ in range(300):
        parents = [other for other in receiver.of_service("vecgate-envoy") if other.span_id == span.parent_span_id]
        if parents:
            break
        time.sleep(0.05)

    assert len(parents) == 1
    assert parents[0].trace_id == span.trace_id
    assert "ext_proc" in parents[0].name or "ExternalProcessor" in parents[0].name


@pytest.mark.parametrize(
    ("roles", "action", "body", "code"),
    [
        ((), "get", {}, "token_missing"),
        (("reader",), "upsert", {"ids": ["x"], "embeddings": [[1, 2, 3]]}, None),
        (("reader",), "get", {"where": {"email": {"$eq": "x"}}}, "masked_field_predicate"),
    ],
    ids=["no token", "not granted", "predicate on a masked field"],
)
def test_a_refusal_leaves_a_span_and_an_entry_with_its_reason(  # noqa: PLR0917 - pytest names what it passes
    gateway: Gateway, receiver: Receiver, roles: tuple[str, ...], action: str, body: dict[str, Any], code: str | None
) -> None:
    """What was refused is as visible as what was allowed, under the reason that the client was told."""
    response = ask(gateway, action, body, *roles)
    leaf = list(read_leaves(gateway.audit))[-1]

    (span,) = spans_of(receiver, leaf.exchange)

    assert response.status_code in {401, 403}
    assert leaf.decision == "deny"
    told = attributes(span.attributes)
    assert told["error.type"] == leaf.reasons[0]
    assert told["vecgate.decision"] == "deny"
    assert leaf.reasons[0] in response.json()["message"]
    if code:
        assert leaf.reasons[0] == code


def test_no_value_of_a_record_a_filter_or_a_token_is_in_any_span(gateway: Gateway, receiver: Receiver) -> None:
    """Searched for in the raw bytes of everything that was exported, ours and Envoy's."""
    token = gateway.issuer.token("reader")
    with gateway.http() as client:
        client.post(
            f"{RECORDS}/query",
            content=json.dumps({"query_embeddings": [[0.123456, 2, 3]], "where": {"region": SECRET_FILTER}}).encode(),
            headers=JSON | {"x-chroma-token": token},
        )
        client.post(f"{RECORDS}/get?secret={SECRET_FILTER}", content=b"{}", headers=JSON | {"x-chroma-token": token})
    spans_of(receiver, exchange_of(gateway))
    time.sleep(2)

    exported = receiver.raw

    for value in (SECRET_FILTER, EMAIL, TEXT, "0.123456", token):
        assert value.encode() not in exported


def test_the_log_holds_nothing_in_the_clear_and_the_private_part_everything(gateway: Gateway) -> None:
    """No file below the audit directory shows a value; with the sealing key the principal, input and request are there."""
    ask(gateway, "get", {"where": {"region": SECRET_FILTER}, "limit": 3}, "reader")
    intent = [leaf for leaf in read_leaves(gateway.audit) if leaf.kind == "intent"][-1]

    stored = b"".join(path.read_bytes() for path in gateway.audit.rglob("*") if path.is_file())
    for value in (SECRET_FILTER, EMAIL, TEXT, "user-reader", "reader@corp.test"):
        assert value.encode() not in stored

    key = keys.sealing_key(SecretFile(path=gateway.directory / "var" / "keys" / "sealing.key"))
    opened = open_private(gateway.audit, "worker-0", intent.index, key)
    assert opened.private.principal is not None
    assert opened.private.principal.subject == "user-reader"
    asked = json.loads(bytes(opened.private.inputs[0]))
    assert asked["operation"]["filter"]["value"] == SECRET_FILTER
    assert opened.recording is not None
    assert json.loads(opened.recording.body)["where"] == {"region": SECRET_FILTER}


def test_intent_and_outcome_stand_around_what_the_database_did(gateway: Gateway) -> None:
    """Each delivered answer has exactly its two entries, in order, under one exchange."""
    ask(gateway, "get", {"limit": 1}, "reader")

    last = list(read_leaves(gateway.audit))[-2:]

    assert [leaf.kind for leaf in last] == ["intent", "outcome"]
    assert last[0].exchange == last[1].exchange
    assert (last[1].end, last[1].status) == ("delivered", 200)
    assert last[1].facts[0].rows == 1


def test_what_was_masked_is_told_by_field_by_entity_and_by_count(gateway: Gateway) -> None:
    """The outcome's leaf says of which fields and entities how many values were hidden, and none of the values."""
    ask(gateway, "get", {"limit": 1}, "reader")

    (fact,) = list(read_leaves(gateway.audit))[-1].facts

    assert (fact.masked_fields, fact.masked_values) == (("document", "email"), 2)
    assert [(found.type, found.values) for found in fact.masked_entities] == [("CREDIT_CARD", 1)]
