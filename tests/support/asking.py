"""What tests ask a policy."""

from __future__ import annotations

from typing import Any

from extproc.decision import Input
from extproc.operation import Context, Operation, Principal, Returns

TIME_NS = 1_800_000_000_123_456_789


def asked(**changes: Any) -> Input:
    """Return the policy input of a reader's search, but for the changes."""
    principal = Principal(
        id="https://idp.example#ana",
        issuer="https://idp.example",
        subject="ana",
        person="ana@example.com",
        kind="human",
        roles=changes.get("roles", ("reader",)),
        groups=(),
        claims=changes.get("claims", {"sub": "ana", "exp": 2_000_000_000}),
    )
    operation = Operation(
        database="kb",
        engine="chroma",
        action=changes.get("action", "search"),
        scope=changes.get("scope", "records"),
        collection=changes.get("collection", "tickets"),
        reads=("tickets",),
        selector=changes.get("selector", "all"),
        fields="*",
        returns=Returns(payload=True, scores=True),
        limit=changes.get("limit"),
    )
    context = Context(
        time_ns=changes.get("time_ns", TIME_NS),
        source=changes.get("source", "192.0.2.7"),
        user_agent=changes.get("user_agent", "chromadb"),
        approval=changes.get("approval"),
        exchange=changes.get("exchange", "e1"),
    )
    return Input(principal=principal, operation=operation, context=context)
