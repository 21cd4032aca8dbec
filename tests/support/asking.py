"""What tests ask a policy."""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.decision import Input
from extproc.operation import Context, Operation, Principal, Returns

TIME_NS = 1_800_000_000_123_456_789

PRINCIPAL = Principal(
    id="https://idp.example#ana",
    issuer="https://idp.example",
    subject="ana",
    person="ana@example.com",
    kind="human",
    roles=("reader",),
    groups=(),
    claims={"sub": "ana", "exp": 2_000_000_000},
)
OPERATION = Operation(
    database="kb",
    engine="chroma",
    action="search",
    scope="records",
    collection="tickets",
    reads=("tickets",),
    selector="all",
    fields="*",
    returns=Returns(payload=True, scores=True),
)
CONTEXT = Context(time_ns=TIME_NS, source="192.0.2.7", user_agent="chromadb", approval=None, exchange="e1")


def asked(**changes: Any) -> Input:
    """Return the policy input of a reader's search, but for the changes, each by the name of its member."""
    parts = [_changed(part, changes) for part in (PRINCIPAL, OPERATION, CONTEXT)]
    return Input(principal=parts[0], operation=parts[1], context=parts[2])


def converted(changes: dict[str, Any]) -> dict[str, Any]:
    """Return changes that are written as plain JSON as the values that their members have."""
    kinds = {field.name: field.type for kind in (Principal, Operation, Context) for field in msgspec.structs.fields(kind)}
    return {name: msgspec.convert(value, kinds[name]) for name, value in changes.items()}


def _changed(part: Any, changes: dict[str, Any]) -> Any:
    return msgspec.structs.replace(part, **{name: value for name, value in changes.items() if name in part.__struct_fields__})
