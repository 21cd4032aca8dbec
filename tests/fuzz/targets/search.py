"""The searches of one request: no field, query or column that a search names is missing from what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.errors import Error
from extproc.protocols import chroma_search, strict_json
from fuzz import plain_json
from fuzz.mutation import tree as mutate

_NO_FIELDS = frozenset({"#embedding", "#score"})

__all__ = ["check", "mutate"]


def check(data: bytes) -> None:
    """Read a body of `searches`."""
    try:
        members = strict_json.members(data)
        found = chroma_search.check(strict_json.value(members["searches"], "searches"))
    except (Error, KeyError):
        return
    sent = plain_json.read(bytes(members["searches"]))
    for search, said in zip(found, sent, strict=True):
        rank = list(_inside(said.get("rank")))
        tested = {key for key, _ in _inside(said.get("filter")) if not key.startswith("$")}
        tested |= {value for key, value in rank if key == "key"}
        tested |= {key for name, keys in _inside(said.get("group_by")) if name == "keys" for key in keys}
        assert {_field(key) for key in tested - _NO_FIELDS} == search.tests
        assert (search.probe == "none") == all(key != "$knn" for key, _ in rank)
        columns = set(said.get("select", {}).get("keys", []))
        assert ("#embedding" in columns, "#score" in columns) == (search.selection.vectors, search.selection.scores)
        assert {_field(key) for key in columns - _NO_FIELDS} == search.selection.fields
        limit = said.get("limit", {})
        assert (limit.get("limit"), limit.get("offset")) == (search.limit, search.offset)


def _field(key: str) -> str:
    return {"#document": "document", "#metadata": "*"}.get(key, key)


def _inside(part: Any) -> Iterator[tuple[str, Any]]:
    """Give every member of every object in a value, but nothing of what a query vector or an operand holds."""
    waiting = [part]
    while waiting:
        match waiting.pop():
            case dict() as members:
                yield from members.items()
                waiting += [value for key, value in members.items() if key not in {"query", "$val"}]
            case list() as items:
                waiting += items
            case _:
                pass
