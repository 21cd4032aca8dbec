"""The requests of older clients (`search`, `recommend`, `discover`) as what they are today: forms of one query."""

from __future__ import annotations

from typing import Any


def as_query(verb: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a query that means what an older request of this kind means."""
    sent = dict(sent)
    match verb:
        case "search":
            vector = sent.pop("vector")
            if isinstance(vector, dict) and "name" in vector:
                sent["using"], vector = vector["name"], vector["vector"]
            sent["query"] = vector
        case "recommend":
            parts = {name: sent.pop(name) for name in ("positive", "negative", "strategy") if name in sent}
            sent["query"] = {"recommend": parts}
        case "discover":
            target, context = sent.pop("target", None), sent.pop("context", [])
            sent["query"] = {"context": context} if target is None else {"discover": {"target": target, "context": context}}
    return sent
