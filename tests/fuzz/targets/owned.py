"""A request under a row filter and a stamp: the policy's clause stands wherever records are chosen, the stamp in each record.

What leaves is read by the standard library. A refusal is as good.
"""

from __future__ import annotations

from typing import Any, Final

from extproc.decision import Terms
from extproc.errors import Error
from extproc.operation import CompoundCondition, FieldCondition
from extproc.protocols.adapter import Reading
from fuzz import plain_json
from fuzz.chroma import ADAPTER, request, settled
from fuzz.mutation import tree as mutate
from fuzz.tokens import MARK

__all__ = ["check", "mutate"]

_TERMS: Final = Terms(
    where=CompoundCondition(
        operator="and",
        value=(
            FieldCondition(operator="eq", field="tenant", value="t1"),
            FieldCondition(operator="ne", field="secret", value=True),
        ),
    ),
    stamp={"tenant": "t1"},
)
_CLAUSE: Final = {"$and": [{"tenant": {"$eq": "t1"}}, {"secret": {"$ne": True}}]}


def check(data: bytes) -> None:
    """Read, narrow and write a request."""
    asked = request(data)
    try:
        reading = settled(asked)
    except Error:
        return
    try:
        narrowed = ADAPTER.narrow(reading, (_TERMS,) * len(reading.operations))
    except Error as error:
        refusal = str(error)
    else:
        _check(asked.body, reading, narrowed)
        refusal = ""
    assert MARK not in refusal, "a refusal quotes the request"


def _check(body: bytes, reading: Reading, narrowed: Reading) -> None:
    if reading.operations[0].scope != "records":
        assert ADAPTER.write(narrowed) == ADAPTER.write(reading), "a row filter changes what is not about records"
        return
    outgoing = ADAPTER.write(narrowed)
    before = plain_json.read(body or b"{}")
    after = plain_json.read(outgoing.body or b"")
    match reading.operations[0].action, outgoing.target.rpartition("/")[2]:
        case "count", "get":
            assert after == {"where": _CLAUSE, "include": []}, "a count is not of the caller's own"
        case _, "get" | "query" | "delete":
            assert after["where"] == _beside(before.get("where")), "a filter is not the policy's"
            assert {**after, "where": None} == {**before, "where": None}, "something else was changed"
        case _, "search":
            filters = [_beside(each.get("filter")) for each in before["searches"]]
            assert [each["filter"] for each in after["searches"]] == filters, "a search's filter is not the policy's"
        case _, "add" | "upsert" | "update":
            _check_written(narrowed, before, after)
        case _:
            message = "an operation on records of which nothing is known"
            raise AssertionError(message)
    assert (narrowed.reserves is None) == (not reading.operations[0].writes), "what is written is not reserved"


def _beside(clients: Any) -> Any:
    return {"$and": [_CLAUSE, clients]} if clients else _CLAUSE


def _check_written(narrowed: Reading, before: Any, after: Any) -> None:
    assert {**after, "metadatas": None} == {**before, "metadatas": None}, "something else was changed"
    assert len(after["metadatas"]) == len(after["ids"]), "a record has no stamp"
    sent = before.get("metadatas") or [None] * len(after["ids"])
    for record, found in zip(after["metadatas"], sent, strict=True):
        assert record["tenant"] == "t1", "a stamp is another"
        assert record.get("secret") is not True, "a record leaves the filter"
        assert {**record, "tenant": None} == {**(found or {}), "tenant": None}, "something else was changed"
    own, there = (plain_json.read(question.body or b"") for question in narrowed.questions)
    assert own["ids"] == there["ids"] == after["ids"], "not all are asked about"
    assert own["where"]["$and"][0] == _CLAUSE, "it is not asked whose they are"
