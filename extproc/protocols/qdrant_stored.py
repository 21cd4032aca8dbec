"""What a request to Qdrant would store, but for ids and vectors: payloads, and what a collection says of itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from extproc.protocols.qdrant_form import Form

_RECORDS: Final = ("points", "batch", "payload")
"""Members that hold records; where they hold ids alone, these are a list."""


def stored(form: Form) -> bytes:
    """Return it as JSON; empty where nothing is stored."""
    found = list(_stored(form.kind, form.body or {}))
    return msgspec.json.encode(found) if found else b""


def _stored(kind: str, body: Mapping[str, Any]) -> Iterator[Any]:
    match kind:
        case "create" | "alter":
            if body.get("metadata") is not None:
                yield body["metadata"]
        case "upsert" | "set_payload" | "overwrite_payload":
            for name in _RECORDS:
                if body.get(name) is not None and not isinstance(body[name], list):
                    yield from body[name].payloads()
        case "batch":
            for change in body["operations"]:
                for inner, what in change.items():
                    yield from _stored(inner, what)
        case _:
            pass
