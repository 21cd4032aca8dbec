"""Spans as a real OTLP receiver gets them."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from extproc.audit.entry import Entry, Fact
from extproc.audit.keys import Pseudonyms
from extproc.audit.orders import Origin
from extproc.audit.spans import Spans
from extproc.secret import Secret
from support.evidence import PRINCIPAL, SOURCE, entry
from support.otlp import Receiver, attributes

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
UNSAMPLED = f"00-{TRACE}-{PARENT}-00"
QUERY = Fact(
    action="query",
    scope="records",
    collection="tickets",
    decision="allow",
    reasons=("role_reader",),
    obligations=("limit", "mask"),
    rows=3,
    masked_fields=("email", "ssn"),
    masked_values=6,
)
NOBODY = Origin(started=0, traceparent=None, principal=None)
DELIVERED = entry(kind="outcome", facts=(QUERY,), status=200, end="delivered")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a running receiver."""
    with Receiver() as running:
        yield running


def told(receiver: Receiver, found: Entry, *, pseudonyms: Pseudonyms | None = None, **changed: Any) -> list[Span]:
    """Tell the spans of one entry; return them as they arrive."""
    spans = Spans.create(receiver.endpoint, instance="worker-0", pseudonyms=pseudonyms)
    known: dict[str, Any] = {
        "started": found.time_ns - 5_000_000,
        "traceparent": UNSAMPLED,
        "principal": PRINCIPAL.id,
    }
    spans.tell(found, index=41, origin=Origin(**(known | changed)))
    spans.close()
    return [span for _, span in receiver.wait(len(found.facts) or 1)]


def test_a_span_has_the_attributes_of_the_contract(receiver: Receiver) -> None:
    """The span of a delivered query says exactly what the contract names, and nothing else."""
    (span,) = told(receiver, DELIVERED)

    expected = {
        "db.system.name": "chroma",
        "db.namespace": "kb",
        "db.collection.name": "tickets",
        "db.operation.name": "query",
        "db.query.summary": "query tickets",
        "db.response.returned_rows": 3,
        "user.id": PRINCIPAL.id,
        "vecgate.exchange.id": "exchange-0",
        "vecgate.decision": "allow",
        "vecgate.reasons": ["role_reader"],
        "vecgate.obligations": ["limit", "mask"],
        "vecgate.policy.revision": "r1",
        "vecgate.masked.fields": ["email", "ssn"],
        "vecgate.masked.values": 6,
        "vecgate.ledger.index": 41,
    }
    assert expected == attributes(span.attributes)
    assert (span.name, span.kind, span.status.code) == ("query tickets", Span.SPAN_KIND_CLIENT, Status.STATUS_CODE_UNSET)


def test_a_span_lies_below_its_caller_and_has_its_own_times(receiver: Receiver) -> None:
    """The parent is the traceparent's, remote, and start and end are the exchange's to the nanosecond."""
    (span,) = told(receiver, DELIVERED)

    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert (DELIVERED.time_ns - 5_000_000, DELIVERED.time_ns) == (span.start_time_unix_nano, span.end_time_unix_nano)
    assert (span.flags, len(span.span_id)) == (0x301, 8)


def test_the_resource_names_service_and_worker(receiver: Receiver) -> None:
    """Whoever receives a span knows which worker tells it."""
    told(receiver, DELIVERED)

    assert {"vecgate", "worker-0"} <= set(receiver.spans[0][0].values())


def test_a_batch_has_one_span_for_each_operation(receiver: Receiver) -> None:
    """Each operation of a batch has a span of its own, which knows how many there are."""
    other = Fact(action="collection.list", scope="catalog", decision="allow")
    spans = told(receiver, msgspec.structs.replace(DELIVERED, facts=(QUERY, other)))
    found = [attributes(span.attributes) for span in spans]

    assert [span.name for span in spans] == ["query tickets", "collection.list"]
    assert [each["db.operation.batch.size"] for each in found] == [2, 2]
    assert "db.collection.name" not in found[1]
    assert len({span.span_id for span in spans}) == 2


def test_a_denial_that_was_only_told_is_no_error(receiver: Receiver) -> None:
    """Where the policy is observed the span says so, says what was decided, and tells of what really happened."""
    fact = msgspec.structs.replace(QUERY, decision="deny", reasons=("not_granted",))
    observed = {"decision": "deny", "reasons": ("not_granted",), "facts": (fact,), "detail": {"enforcement": "observe"}}
    (span,) = told(receiver, msgspec.structs.replace(DELIVERED, **observed))
    found = attributes(span.attributes)

    assert (found["vecgate.enforcement"], found["vecgate.decision"]) == ("observe", "deny")
    assert ("error.type" in found, span.status.code) == (False, Status.STATUS_CODE_UNSET)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"decision": "deny", "reasons": ("policy_denied",), "end": "denied", "status": 403}, "policy_denied"),
        ({"end": "failed", "status": 502}, "502"),
        ({"decision": "deny", "reasons": ("only_told",), "end": "failed", "status": 404}, "404"),
        ({"end": "delivered", "status": 404}, "404"),
        ({"end": "aborted", "status": None}, "aborted"),
    ],
)
def test_a_failed_exchange_has_a_failed_span(receiver: Receiver, changed: dict[str, Any], expected: str) -> None:
    """A denial shows its reason, a failure its status, and the span's status is an error."""
    (span,) = told(receiver, msgspec.structs.replace(DELIVERED, **changed))

    assert (expected, Status.STATUS_CODE_ERROR) == (attributes(span.attributes)["error.type"], span.status.code)


def test_a_refusal_before_any_operation_has_a_span(receiver: Receiver) -> None:
    """A rejected login is seen in the trace, without a user."""
    rejected = entry(kind="login_rejected", facts=(), decision="deny", reasons=("token_missing",), end="denied", status=401)
    (span,) = told(receiver, rejected, principal=None)
    found = attributes(span.attributes)

    assert (span.name, found["error.type"], found["vecgate.decision"]) == ("chroma", "token_missing", "deny")
    assert "user.id" not in found


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "garbage",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
    ],
)
def test_a_malformed_traceparent_begins_a_trace(receiver: Receiver, traceparent: str | None) -> None:
    """Without a lawful parent the span is the root of a new trace."""
    (span,) = told(receiver, DELIVERED, traceparent=traceparent)

    assert (span.parent_span_id, len(span.trace_id)) == (b"", 16)
    assert span.trace_id.hex() not in {TRACE, "0" * 32}


def test_a_traceparent_of_a_later_version_is_understood(receiver: Receiver) -> None:
    """What a later version adds at the end does not break the trace."""
    (span,) = told(receiver, DELIVERED, traceparent=f"01-{TRACE}-{PARENT}-00-more")

    assert span.trace_id.hex() == TRACE


def test_an_approval_is_named_only_where_there_is_one(receiver: Receiver) -> None:
    """The ticket of an approval is an attribute of the span that it allowed."""
    (span,) = told(receiver, DELIVERED, approval="ticket-1")

    assert attributes(span.attributes)["vecgate.approval.id"] == "ticket-1"


def test_a_pseudonym_takes_the_place_of_the_user(receiver: Receiver) -> None:
    """With pseudonyms the id of the user is nowhere in what is sent."""
    pseudonyms = Pseudonyms(Secret(b"k" * 32))
    (span,) = told(receiver, DELIVERED, pseudonyms=pseudonyms)

    assert pseudonyms.of(PRINCIPAL.id) == attributes(span.attributes)["user.id"]
    assert PRINCIPAL.subject.encode() not in span.SerializeToString()


def test_nothing_private_is_in_a_span(receiver: Receiver) -> None:
    """No value of a request, no address and no person is sent, whatever the entry holds."""
    (span,) = told(receiver, DELIVERED)

    assert [
        value for value in ("078-05-1120", SOURCE, "rita", "role-of-rita") if value.encode() in span.SerializeToString()
    ] == []


def test_a_collector_that_refuses_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Telling and closing go on as if nothing were wrong, and the log says that spans are lost."""
    with Receiver(refuse="PERMISSION_DENIED") as receiver, caplog.at_level(logging.ERROR):
        spans = Spans.create(receiver.endpoint)
        spans.tell(DELIVERED, index=1, origin=NOBODY)
        spans.close()

        assert (receiver.calls, receiver.spans) == (1, [])
    assert "Failed to export" in caplog.text


def test_a_collector_that_is_not_there_disturbs_nobody() -> None:
    """Without anybody who listens, telling and closing end of themselves."""
    with Receiver() as receiver:
        endpoint = receiver.endpoint
    spans = Spans.create(endpoint)
    for index in range(3):
        spans.tell(DELIVERED, index=index, origin=Origin(started=0, traceparent=UNSAMPLED, principal=None))

    spans.close()


def test_without_an_endpoint_nothing_is_told() -> None:
    """Spans are optional."""
    spans = Spans.create(None)
    spans.tell(DELIVERED, index=1, origin=NOBODY)

    spans.close()


def test_the_package_and_the_exporter_live_in_one_process() -> None:
    """Our own protobuf messages and OpenTelemetry's do not collide, in either order of import."""
    for program in (
        "import extproc.codec, extproc.audit.spans, opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
        "import opentelemetry.exporter.otlp.proto.grpc.trace_exporter, extproc.codec, extproc.audit.spans",
    ):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

        assert (done.returncode, done.stderr) == (0, "")
