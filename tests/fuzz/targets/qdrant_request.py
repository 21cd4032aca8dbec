"""A request of Qdrant over either interface: what is written is read again as the same, and holds to what terms ask.

Under a row filter the policy's condition stands as one that must hold in every operation on records that is read of what is
forwarded, and what is written carries the stamp. A refusal is as good.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from extproc.decision import Terms
from extproc.errors import Error
from extproc.events import Request
from extproc.operation import CompoundCondition, Condition, FieldCondition, Operation, Returns
from extproc.protocols.adapter import Reading
from fuzz.qdrant import adapter_of, mutate, request, settled, transport
from support import qdrant_asks as asks

__all__ = ["check", "mutate"]

_OWN: Final = FieldCondition(operator="eq", field="tenant", value="t1")
_LESS: Final = Terms(limit=3, vectors=False, scores_dropped=True)
_OWNED: Final = Terms(where=_OWN, stamp={"tenant": "t1"})
_SAMPLED: Final = frozenset({"scroll", "search", "recommend"})
_OPERATIONS: Final = msgspec.json.Decoder(tuple[Operation, ...])


def check(data: bytes) -> None:
    """Read, write and read again; then the same of the narrowed request."""
    asked = request(data)
    try:
        reading = settled(asked)
    except Error:
        return
    assert _OPERATIONS.decode(msgspec.json.encode(reading.operations)) == reading.operations, "the policy sees something else"
    again = _again(asked, reading)
    assert [_unsized(each) for each in again.operations] == [_unsized(each) for each in reading.operations]
    _check_less(asked)
    _check_owned(asked)


def _again(asked: Request, reading: Reading) -> Reading:
    """Return the reading of what is written of `reading`."""
    outgoing = adapter_of(asked).write(reading)
    again = settled(asks.again(outgoing, transport(asked)))
    once_more = adapter_of(asked).write(again)
    assert (once_more.method, once_more.target, once_more.body) == (outgoing.method, outgoing.target, outgoing.body), (
        "otherwise"
    )
    return again


def _narrowed(asked: Request, terms: Terms) -> tuple[Reading, Reading] | None:
    reading = settled(asked)
    try:
        narrowed = adapter_of(asked).narrow(reading, (terms,) * len(reading.operations))
    except Error:
        return None
    return reading, _again(asked, narrowed)


def _check_less(asked: Request) -> None:
    found = _narrowed(asked, _LESS)
    for before, after in zip(found[0].operations, found[1].operations, strict=True) if found else ():
        # One point by its path always comes with its vectors, which are taken out of the answer.
        assert not after.returns.vectors or asked.method == "GET", "vectors are asked for"
        if before.action in _SAMPLED:
            assert after.limit is not None
            assert after.limit <= (3 if before.limit is None else min(3, before.limit)), "more is asked for than may be"
        assert _unnarrowed(after) == _unnarrowed(before), "something else was changed"


def _check_owned(asked: Request) -> None:
    found = _narrowed(asked, _OWNED)
    if found is None:
        return
    for after in found[1].operations:
        assert after.scope != "records" or _OWN in _conjuncts(after.filter) or _is_probe(after), "a filter is not the policy's"
    for written in _written(adapter_of(asked).write(found[1]).body or b"", asked):
        assert written.get("tenant") == "t1", "the stamp is not in what is written"


def _is_probe(operation: Operation) -> bool:
    """Whether records of another collection are read to start from, or to be put beside groups: asked for, or hidden after."""
    return operation.action == "get" and operation.filter is None


def _conjuncts(condition: Condition | None) -> Iterator[Condition]:
    match condition:
        case None:
            return
        case CompoundCondition(operator="and", value=parts):
            for part in parts:
                yield from _conjuncts(part)
        case _:
            yield condition


def _written(body: bytes, asked: Request) -> Iterator[dict[str, Any]]:
    """Give the payloads of points that a request over REST writes."""
    if transport(asked) == "grpc" or not body:
        return
    sent = json.loads(body)
    changes = [each["upsert"] for each in sent.get("operations", ()) if "upsert" in each]
    for change in [*changes, *([sent] if asked.method == "PUT" and asked.target.split("?")[0].endswith("/points") else [])]:
        batch = change.get("batch") or {}
        payloads = [each.get("payload") for each in change.get("points") or ()]
        yield from (
            each or {} for each in [*payloads, *((batch.get("payloads") or [None] * len(batch["ids"])) if batch else ())]
        )


def _unsized(operation: Operation) -> Operation:
    return msgspec.structs.replace(operation, size=0)


def _unnarrowed(operation: Operation) -> Operation:
    returns = Returns(payload=operation.returns.payload)
    return msgspec.structs.replace(operation, size=0, limit=None, ids=0, returns=returns, selector="none")
