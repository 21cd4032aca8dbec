"""Get-or-create through a whole exchange without servers: what is decided, forwarded, recorded and told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from extproc.decision import Decision
from extproc.events import Immediate, Replace, Reply
from support.exchange import Bench, FixedEngine, bench, request, response
from support.shelf import COLLECTIONS, MODEL

_ALLOW = Decision(allow=True)
_DENY = Decision(allow=False, reasons=("action_not_granted",))
_WANTED = {"name": "tickets", "metadata": {"mine": 1}, "get_or_create": True}


def _at(decision: Decision, *, there: bool) -> Bench:
    at = bench(FixedEngine(decision))
    at.collections.answer = dict(MODEL) if there else None
    return at


async def _ask(at: Bench, body: Any) -> Reply:
    return await at.exchange().handle(request(COLLECTIONS, body))


async def test_a_look_up_is_decided_recorded_and_forwarded() -> None:
    """Of a collection that is there the policy is asked about the look-up, and a GET without a body leaves, on record."""
    engine = FixedEngine(_ALLOW)
    at = bench(engine)

    reply = await _ask(at, _WANTED)

    assert isinstance(reply, Replace)
    assert dict(reply.set_fields) == {
        ":path": f"{COLLECTIONS}/tickets".encode(),
        ":method": b"GET",
        "content-length": b"0",
        "x-chroma-token": b"own-key",
    }
    assert (reply.body, "content-type" in reply.remove_fields) == (b"", True)
    assert [(asked.operation.action, asked.operation.reads, asked.operation.writes) for asked in engine.seen] == [
        ("describe_collection", ("tickets",), ())
    ]
    (intent,) = at.log.entries
    assert intent.facts[0].action == "describe_collection"
    assert intent.recording is not None
    assert (intent.recording.method, intent.recording.body) == ("GET", b"")
    assert at.collections.forgotten == 0


async def test_a_look_up_of_a_chunked_request_has_one_framing() -> None:
    """The client's chunks go with its body: what leaves has a length of zero and nothing beside it."""
    sent = request(COLLECTIONS, _WANTED)
    fields = tuple((name, value) for name, value in sent.head.fields if name != "content-length")
    head = replace(sent.head, fields=(*fields, ("transfer-encoding", b"chunked")))

    reply = await bench(FixedEngine(_ALLOW)).exchange().handle(replace(sent, head=head))

    assert isinstance(reply, Replace)
    assert "transfer-encoding" in reply.remove_fields
    assert ("content-length", b"0") in reply.set_fields


async def test_a_creation_is_forwarded_as_it_is_and_makes_all_forget() -> None:
    """Of a collection that is missing it stays a POST with its body, and what workers know is forgotten around it."""
    at = _at(_ALLOW, there=False)
    exchange = at.exchange()

    reply = await exchange.handle(request(COLLECTIONS, _WANTED))
    before = at.collections.forgotten
    await exchange.handle(response(MODEL))

    assert isinstance(reply, Replace)
    assert ":method" not in dict(reply.set_fields)
    assert json.loads(reply.body or b"") == _WANTED
    assert dict(reply.set_fields)["content-length"] == str(len(reply.body or b"")).encode()
    assert (before, at.collections.forgotten) == (1, 2)
    assert {fact.action for entry in at.log.entries for fact in entry.facts} == {"create_collection"}


async def test_a_denial_is_the_same_whether_or_not_the_collection_is_there() -> None:
    """To the last byte and field."""
    there, missing = [await _ask(_at(_DENY, there=there), _WANTED) for there in (True, False)]

    assert isinstance(there, Immediate)
    assert (there.status, there.details) == (403, "action_not_granted")
    assert there == missing


@pytest.mark.parametrize(
    "body",
    [
        {"name": "tickets", "get_or_create": True, "if_missing": "fail"},
        {"name": "a/b", "get_or_create": True},
        {"name": "tickets", "get_or_create": "yes"},
        {"name": "tickets", "get_or_create": True, "configuration": {"pipeline": {}}},
    ],
)
async def test_what_is_not_understood_is_refused_before_the_database_is_asked(body: Any) -> None:
    """That the collection is there makes no form lawful that is not."""
    at = _at(_ALLOW, there=True)

    reply = await _ask(at, body)

    assert isinstance(reply, Immediate)
    assert at.collections.asked == []
