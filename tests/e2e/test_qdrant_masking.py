"""Values inside texts of Qdrant's payloads, and masks that are written back, over REST and over gRPC."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qdrant_client import QdrantClient
from qdrant_client import models as m

from extproc.audit.reader import read_leaves
from extproc.events import Transport
from support.obliged import Obligation, mask
from support.qdrant_gateway import OVER, Doors

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("over", OVER)]

KB = "masking"
TEXT = "Zoë (zoe@example.net, +1 303 555 0158) paid with 4242 4295 7319 7820, twice."
FOUND = "Zoë ([EMAIL_ADDRESS], [PHONE_NUMBER]) paid with [CREDIT_CARD], twice."
PERSONAL = ("zoe@example.net", "+1 303 555 0158", "4242 4295 7319 7820")
ENTITIES = ["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD"]
OPERATORS: list[Any] = ["redact", "null", "drop", "hash", "token", {"partial": {"keep_last": 4}}]
PAYLOAD = {"page_content": TEXT, "metadata": {"email": "zoe@example.net", "notes": [TEXT, 4242429573197820]}, "n": 1}


def detect(*fields: str, how: Any = "redact") -> Obligation:
    """Return the obligation to hide what is found in fields."""
    return {"type": "detect", "entities": ENTITIES, "fields": list(fields), "with": how}


@pytest.fixture
def doors(told_doors: Doors) -> Iterator[Doors]:
    """Return the doors, with two points behind them."""
    told_doors.database.clear()
    direct = told_doors.direct("rest")
    direct.create_collection(KB, m.VectorParams(size=2, distance=m.Distance.DOT))
    direct.upsert(
        KB,
        [
            m.PointStruct(id=1, vector=[1.0, 2.0], payload=PAYLOAD),
            m.PointStruct(id=2, vector=[1.0, 2.0], payload={"page_content": "nothing to be found"}),
        ],
    )
    yield told_doors
    told_doors.database.clear()


def client(doors: Doors, over: Transport, *obligations: Obligation) -> QdrantClient:
    """Return an unchanged client of a caller under these obligations."""
    return doors.client(over, "caller", obligations=list(obligations))


def payloads(client: QdrantClient) -> list[Any]:
    """Return the payloads that a get, a scroll and a query bring, in the order of ids."""
    answers: tuple[Any, ...] = (
        client.retrieve(KB, [1, 2]),
        client.scroll(KB)[0],
        client.query_points(KB, query=[1.0, 2.0], with_payload=True).points,
    )
    return [[each.payload for each in sorted(found, key=lambda each: str(each.id))] for found in answers]


@pytest.mark.parametrize("how", OPERATORS, ids=str)
def test_what_is_found_is_in_no_answer(over: Transport, doors: Doors, how: Any) -> None:
    """In texts, in lists, below other fields; what is not found comes as it is stored."""
    found = payloads(client(doors, over, detect("page_content", "metadata.email", "metadata.notes", how=how)))

    shown = json.dumps(found, ensure_ascii=False)
    assert [value for value in (*PERSONAL, "4242429573197820") if value in shown] == []
    assert [each[1] for each in found] == [{"page_content": "nothing to be found"}] * 3
    assert [each[0]["n"] for each in found] == [1, 1, 1]


def test_a_text_keeps_all_but_what_is_found(over: Transport, doors: Doors) -> None:
    """Each value is replaced by what it is, and counted in the entry."""
    (point,) = client(doors, over, detect("page_content")).retrieve(KB, [1])

    (fact,) = list(read_leaves(doors.gateway.audit))[-1].facts
    assert (point.payload or {})["page_content"] == FOUND
    assert [(each.type, each.values) for each in fact.masked_entities] == [(name, 1) for name in sorted(ENTITIES)]


@pytest.mark.parametrize("how", ["redact", "hash", "token", {"partial": {"keep_last": 4}}], ids=str)
def test_what_was_read_masked_is_not_written_back(over: Transport, doors: Doors, how: Any) -> None:
    """Whoever reads a point and writes it again does not lose what the mask hides, whatever the call."""
    caller = client(doors, over, mask("metadata.email", how=how), detect("page_content", how=how))
    (point,) = caller.retrieve(KB, [1])
    read = point.payload or {}
    writes: list[Callable[[], Any]] = [
        lambda: caller.upsert(KB, [m.PointStruct(id=1, vector=[1.0, 2.0], payload=read)]),
        lambda: caller.set_payload(KB, {"page_content": read["page_content"]}, points=[1]),
        lambda: caller.set_payload(KB, read["metadata"], points=[1], key="metadata"),
        lambda: caller.overwrite_payload(KB, read, points=m.Filter()),
        lambda: caller.batch_update_points(
            KB,
            [
                m.DeleteOperation(delete=m.PointIdsList(points=[3])),
                m.SetPayloadOperation(set_payload=m.SetPayload(payload=read, points=[1])),
            ],
        ),
    ]
    for write in writes:
        with pytest.raises(Exception, match="masked_value_written"):
            write()

    assert [each.payload for each in doors.direct("rest").retrieve(KB, [1])] == [PAYLOAD]


def test_brackets_and_stars_are_written(over: Transport, doors: Doors) -> None:
    """What only resembles a mask is a client's own."""
    own = {"page_content": "[1] see **** and [redacted]"}
    client(doors, over).upsert(KB, [m.PointStruct(id=3, vector=[1.0, 2.0], payload=own)])

    assert [each.payload for each in doors.direct("rest").retrieve(KB, [3])] == [own]


def test_a_field_that_is_searched_may_not_be_asked_about(over: Transport, doors: Doors) -> None:
    """A value that is found there could be read out letter by letter."""
    where = m.Filter(must=[m.FieldCondition(key="page_content", match=m.MatchText(text="zoe"))])
    with pytest.raises(Exception, match="masked_field_predicate"):
        client(doors, over, detect("page_content")).scroll(KB, scroll_filter=where)
