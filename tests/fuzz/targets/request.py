"""A whole request of Chroma: what is written means what was read, is read again as the same, and can be narrowed."""

from __future__ import annotations

import msgspec

from extproc.decision import Terms
from extproc.errors import Error
from extproc.operation import Operation, Returns
from extproc.protocols.adapter import Reading
from fuzz import plain_json
from fuzz.chroma import ADAPTER, made, request, settled
from fuzz.mutation import tree as mutate

_TERMS = Terms(limit=3, vectors=False, scores_dropped=True)
_READS = frozenset({"get", "scroll", "search"})
_OPERATIONS = msgspec.json.Decoder(tuple[Operation, ...])

__all__ = ["check", "mutate"]


def check(data: bytes) -> None:
    """Read, write and read again; then the same of the narrowed request."""
    asked = request(data)
    try:
        reading = settled(asked)
    except Error:
        return
    assert _OPERATIONS.decode(msgspec.json.encode(reading.operations)) == reading.operations, "the policy sees something else"
    again, body = _again(reading)
    assert [_unsized(each) for each in again.operations] == [_unsized(each) for each in reading.operations]
    assert again.questions == ()
    if body is None:  # what is to be got or else created is only looked up where it is there
        assert not asked.body or all(not each.writes for each in reading.operations), "a body is lost"
    else:
        assert plain_json.text(plain_json.read(asked.body)) == plain_json.text(plain_json.read(body))
    try:
        narrowed = ADAPTER.narrow(reading, (_TERMS,) * len(reading.operations))
    except Error:
        return
    _check_narrowed(reading, _again(narrowed)[0])


def _again(reading: Reading) -> tuple[Reading, bytes | None]:
    """Return the reading of what is written of `reading`, and its body."""
    outgoing = ADAPTER.write(reading)
    again = settled(made(outgoing.method, outgoing.target, outgoing.body or b""))
    assert ADAPTER.write(again) == outgoing, "what was written is written otherwise"
    return again, outgoing.body


def _check_narrowed(reading: Reading, again: Reading) -> None:
    for before, after in zip(reading.operations, again.operations, strict=True):
        if before.action in _READS:
            assert after.limit is not None
            assert after.limit <= (3 if before.limit is None else min(3, before.limit))
            assert (after.returns.vectors, after.returns.scores) == (False, False)
        assert _unnarrowed(after) == _unnarrowed(before)


def _unsized(operation: Operation) -> Operation:
    return msgspec.structs.replace(operation, size=0)


def _unnarrowed(operation: Operation) -> Operation:
    returns = Returns(payload=operation.returns.payload)
    return msgspec.structs.replace(operation, size=0, limit=None, returns=returns)
