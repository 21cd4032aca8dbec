"""Entries as they are recalled, made of policy inputs and decisions, for tests of what looks at many."""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.audit.entry import Fact, Private
from extproc.audit.history import Recalled
from extproc.audit.leaf import Leaf, Recorded
from extproc.decision import Decision, Input

TIME = "2026-11-24T08:00:0{}.000000000Z"


def recalled(*asked: Input, decision: Decision | None, number: int = 0, erased: bool = False, **changed: Any) -> Recalled:
    """Return the entry of an exchange that asked this, one decision for all; `changed` are members of the leaf."""
    private = Private(
        principal=asked[0].principal if asked else None,
        inputs=tuple(msgspec.Raw(msgspec.json.encode(each)) for each in asked),
        decisions=() if decision is None else tuple(msgspec.Raw(decision.encoded) for _ in asked),
    )
    facts = tuple(
        Fact(
            action=each.operation.action,
            scope=each.operation.scope,
            collection=each.operation.collection,
            decision="allow" if decision and decision.allow else "deny",
        )
        for each in asked
    )
    allowed = decision is not None and decision.allow
    members: dict[str, Any] = {
        "version": 1,
        "kind": "intent" if allowed else "outcome",
        "log": "test/worker-0",
        "index": number,
        "time": TIME.format(number),
        "exchange": f"e{number}",
        "database": "kb",
        "engine": "chroma",
        "facts": facts,
        "decision": "allow" if allowed else "deny",
        "reasons": decision.reasons if decision else (),
        "revision": "r1",
        "status": None if allowed else 403,
        "end": None if allowed else "denied",
        "asked": 0,
        "detail": {},
        "commitments": {},
        "key": "",
        "private": "",
        "recording": Recorded(level="metadata", sha256=None, truncated=False),
    }
    leaf = Leaf(**(members | changed))
    return Recalled(leaf=leaf, private=None if erased else private, missing="entry_erased" if erased else "")
