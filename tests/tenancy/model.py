"""What must come of acts, by brute force: a collection as a dictionary, and whose records each actor may see and change."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from tenancy.acts import LOADER, Act

_DEFAULT: Final = {"get": ("documents", "metadatas"), "query": ("documents", "metadatas", "distances")}
_COLUMNS: Final = ("documents", "metadatas", "embeddings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an actor is told: the status, why it was refused, or what came back in a form that can be compared."""

    status: int
    reason: str = ""
    told: Any = None


@dataclass(slots=True)
class Record:
    """One record as it is stored."""

    embedding: list[float]
    document: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> Any:
        """Return what an answer holds of it in a column."""
        return {"documents": self.document, "metadatas": self.metadata or None, "embeddings": self.embedding}[name]


class Model:
    """A collection, its records in the order in which they were made."""

    def __init__(self, records: dict[str, Record] | None = None) -> None:
        self.records = records or {}

    def copy(self) -> Model:
        """Return a collection of its own with the same records."""
        return Model(deepcopy(self.records))

    def dump(self) -> list[Any]:
        """Return all that is stored, in order."""
        return [[name, record.document, record.metadata or None, record.embedding] for name, record in self.records.items()]

    def do(self, act: Act) -> Outcome:
        """Do an act and return what its actor must be told."""
        match act.operation:
            case "add" | "upsert" | "update":
                return self._write(act, act.body or {})
            case "delete":
                return self._delete(act, act.body or {})
            case "get":
                return self._get(act, act.body or {})
            case "query":
                return self._query(act, act.body or {})
            case "count":
                return Outcome(status=200, told=len(self._own(act.actor)))

    # --- whose ----------------------------------------------------------------------------------------------------------

    def _own(self, actor: str) -> dict[str, Record]:
        return {name: record for name, record in self.records.items() if is_own(actor, record.metadata)}

    # --- writes ---------------------------------------------------------------------------------------------------------

    def _write(self, act: Act, body: dict[str, Any]) -> Outcome:
        ids = body["ids"]
        sent = body.get("metadatas") or [None] * len(ids)
        changes = [dict(each or {}) for each in sent]
        if act.actor != LOADER:
            for change in changes:
                change["tenant"] = act.actor
                if isinstance(change.get("secret"), list) or change.get("secret") is True:
                    return Outcome(status=403, reason="record_outside_filter")
            if any(name in self.records and name not in self._own(act.actor) for name in ids):
                return Outcome(status=403, reason="record_foreign")
        for index, name in enumerate(ids):
            if name in self.records if act.operation == "add" else name not in self.records and act.operation == "update":
                continue
            record = self.records.setdefault(name, Record([]))
            if body.get("embeddings"):
                record.embedding = body["embeddings"][index]
            if body.get("documents") and body["documents"][index] is not None:
                record.document = body["documents"][index]
            merged = record.metadata | changes[index]
            record.metadata = {key: value for key, value in merged.items() if value is not None}
        return Outcome(status=201 if act.operation == "add" else 200, told={})

    def _delete(self, act: Act, body: dict[str, Any]) -> Outcome:
        if act.actor == LOADER and "where" not in body:
            for name in body["ids"]:
                self.records.pop(name, None)
            return Outcome(status=200, told={"deleted": len(body["ids"])})  # Chroma counts what was named, not what was there
        chosen = self._chosen(act, body)[: body.get("limit")]
        for name in chosen:
            del self.records[name]
        return Outcome(status=200, told={"deleted": len(chosen)})

    # --- reads ----------------------------------------------------------------------------------------------------------

    def _chosen(self, act: Act, body: dict[str, Any]) -> list[str]:
        return [
            name
            for name, record in self._own(act.actor).items()
            if (body.get("ids") is None or name in body["ids"])
            and (body.get("where") is None or _matches(body["where"], record.metadata))
            and (body.get("where_document") is None or _reads(body["where_document"], record.document))
        ]

    def _get(self, act: Act, body: dict[str, Any]) -> Outcome:
        start = body.get("offset") or 0
        limit = body.get("limit")
        chosen = self._chosen(act, body)[start:][:limit]
        return Outcome(status=200, told={"ids": chosen, **self._columns(chosen, body.get("include", _DEFAULT["get"]))})

    def _query(self, act: Act, body: dict[str, Any]) -> Outcome:
        chosen = self._chosen(act, body)
        found: list[Any] = []
        for vector in body["query_embeddings"]:
            nearest = sorted((_distance(vector, self.records[name].embedding), name) for name in chosen)[: body["n_results"]]
            ids = [name for _, name in nearest]
            found.append({"ids": ids, "distances": [far for far, _ in nearest], **self._columns(ids, body["include"])})
        return Outcome(status=200, told=found)

    def _columns(self, names: list[str], include: Any) -> dict[str, Any]:
        return {column: [self.records[name].column(column) for name in names] for column in _COLUMNS if column in include}


def is_own(actor: str, metadata: dict[str, Any] | None) -> bool:
    """Return whether a record of this metadata is one of the actor's."""
    found = metadata or {}
    return actor == LOADER or (found.get("tenant") == actor and found.get("secret") is not True)


def _distance(one: list[float], other: list[float]) -> float:
    return sum((left - right) ** 2 for left, right in zip(one, other, strict=True))


def _matches(where: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """Return whether a record meets a client's filter, as Chroma takes it."""
    ((key, operand),) = where.items()
    if key in {"$and", "$or"}:
        return (all if key == "$and" else any)(_matches(part, metadata) for part in operand)
    operator, value = next(iter(operand.items())) if isinstance(operand, dict) else ("$eq", operand)
    found = metadata.get(key)
    match operator:
        case "$eq" | "$ne" | "$in" | "$nin":
            equal = any(_same(found, each) for each in (value if isinstance(value, list) else [value]))
            return equal == (operator in {"$eq", "$in"})
        case "$contains" | "$not_contains":
            return (isinstance(found, list) and value in found) == (operator == "$contains")
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return False
    return bool({"$lt": found < value, "$lte": found <= value, "$gt": found > value, "$gte": found >= value}[operator])


def _same(found: Any, value: Any) -> bool:
    return type(found) is type(value) and bool(found == value)


def _reads(where: dict[str, Any], document: str | None) -> bool:
    ((operator, value),) = where.items()
    text = document or ""
    found = value in text if "contains" in operator else re.search(value, text) is not None
    return found == (not operator.startswith("$not"))
