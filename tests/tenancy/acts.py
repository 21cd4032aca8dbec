"""What tenants and a loader do to one collection: made up from a seed, and meant to meet on the same few ids."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final, Literal

TENANTS: Final = ("t1", "t2", "t3")
LOADER: Final = "loader"
IDS: Final = tuple(f"r{number}" for number in range(16))

Operation = Literal["add", "upsert", "update", "delete", "get", "query", "count"]

_WRITES: Final[tuple[Operation, ...]] = ("add", "upsert", "upsert", "update", "delete")
_WORDS: Final = ("alpha", "beta", "gamma", "delta")
_VALUES: Final[dict[str, tuple[Any, ...]]] = {
    "color": ("red", "blue", "", "Red"),
    "n": (-1, 0, 1, 2, 3),
    "f": (0.5, 1.5, -0.25),
    "ok": (True, False),
    "tags": (["alpha"], ["alpha", "beta"], ["gamma"]),
    "odd key": ("x", "y"),
}
_WRITTEN: Final[dict[str, tuple[Any, ...]]] = {
    **_VALUES,
    "tenant": ("t1", "t2", "t3", None, ["t1"], True, 1),
    "secret": (True, False, False, None, "true", 1, ["x"]),
    "Tenant": ("t1", "t2"),
}
_COMPARED: Final[dict[str, tuple[Any, ...]]] = {
    **{name: values for name, values in _VALUES.items() if name != "tags"},
    "tenant": TENANTS,
    "secret": (True, False, "true", 1),
    "absent": ("x", 1),
}
_COLUMNS: Final = ("documents", "metadatas", "embeddings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One request of one actor on the collection; `body` is its JSON, None for a count."""

    actor: str
    operation: Operation
    body: dict[str, Any] | None

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.operation in {"add", "upsert", "update", "delete"}


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes acts by chance; the same chance gives the same acts."""

    chance: random.Random

    def round(self) -> list[Act]:
        """Return what is done at once: an act of each tenant; at times writes alone, and then the loader writes too."""
        if self.chance.random() < 0.25:
            return [self._write(actor) for actor in (*TENANTS, LOADER)]
        return [self._write(actor) if self.chance.random() < 0.5 else self._read(actor) for actor in TENANTS]

    # --- writes ---------------------------------------------------------------------------------------------------------

    def _write(self, actor: str) -> Act:
        operation: Operation = self.chance.choice(_WRITES)
        if actor == LOADER and self._maybe():
            operation = "delete"  # it leaves records behind that nobody else may delete
        if operation == "delete":
            return Act(actor=actor, operation=operation, body=self._deletion(actor))
        ids = self._ids(3)
        body: dict[str, Any] = {"ids": ids}
        # Chroma keeps the vector of an update of what is not there, and gives it to a record that is added later. The gateway
        # leaves such out of what tenants send; the loader's it passes on.
        if operation != "update" or (actor != LOADER and self._maybe()):
            body["embeddings"] = [self._vector() for _ in ids]
        if self._maybe():
            body["documents"] = [self._text() if self._maybe() else None for _ in ids]
        if self._maybe() or actor == LOADER:
            body["metadatas"] = [self._metadata(actor, removing=operation == "update") for _ in ids]
        return Act(actor=actor, operation=operation, body=body)

    def _metadata(self, actor: str, *, removing: bool) -> dict[str, Any] | None:
        if self.chance.random() < 0.1:
            return None
        chosen = {name: self.chance.choice(_WRITTEN[name]) for name in self.chance.sample(sorted(_WRITTEN), 3)}
        if actor == LOADER and self.chance.random() < 0.8:
            chosen["tenant"] = self.chance.choice(TENANTS)
        # Only an update takes a null, which removes the field.
        return chosen if removing else {name: value for name, value in chosen.items() if value is not None}

    def _deletion(self, actor: str) -> dict[str, Any]:
        body: dict[str, Any] = {}
        if self.chance.random() < 0.7:
            body["ids"] = self._ids(8 if actor == LOADER else 3)
        if "ids" not in body or self.chance.random() < 0.3:
            body["where"] = self._where(2)
            if self.chance.random() < 0.2:
                body["limit"] = self.chance.randint(1, 2)
        return body

    # --- reads ----------------------------------------------------------------------------------------------------------

    def _read(self, actor: str) -> Act:
        operation: Operation = self.chance.choice(("get", "get", "query", "count"))
        if operation == "count":
            return Act(actor=actor, operation=operation, body=None)
        body: dict[str, Any] = {}
        if self.chance.random() < 0.2:
            body["ids"] = self._ids(10)
        if self._maybe():
            body["where"] = self._where(2)
        if self.chance.random() < 0.2:
            body["where_document"] = self._where_document()
        if self._maybe():
            body["include"] = self.chance.sample(_COLUMNS, self.chance.randint(0, 3))
        if operation == "query":
            body["query_embeddings"] = [self._vector() for _ in range(self.chance.randint(1, 2))]
            body["n_results"] = self.chance.randint(1, 10)
            body["include"] = [*body.get("include", ("metadatas",)), "distances"]
        elif self._maybe():
            body["limit"] = self.chance.randint(0, 4)
            body["offset"] = self.chance.randint(0, 2)
        return Act(actor=actor, operation=operation, body=body)

    def _where(self, depth: int) -> dict[str, Any]:
        if depth and self.chance.random() < 0.4:
            parts = [self._where(depth - 1) for _ in range(self.chance.randint(1, 3))]
            return {self.chance.choice(("$and", "$or")): parts}
        if self.chance.random() < 0.15:
            return {"tags": {self.chance.choice(("$contains", "$not_contains")): self.chance.choice(_WORDS)}}
        field = self.chance.choice(sorted(_COMPARED))
        values = _COMPARED[field]
        operator = self.chance.choice(("plain", "$eq", "$ne", "$lt", "$lte", "$gt", "$gte", "$in", "$nin"))
        if operator == "plain":
            return {field: self.chance.choice(values)}
        if operator in {"$in", "$nin"}:
            kind = type(self.chance.choice(values))
            alike = [value for value in values if type(value) is kind]
            return {field: {operator: self.chance.sample(alike, self.chance.randint(1, len(alike)))}}
        if operator in {"$lt", "$lte", "$gt", "$gte"}:
            return {self.chance.choice(("n", "absent")): {operator: self.chance.choice(_VALUES["n"])}}
        return {field: {operator: self.chance.choice(values)}}

    def _where_document(self) -> dict[str, Any]:
        operator = self.chance.choice(("$contains", "$not_contains", "$regex", "$not_regex"))
        return {operator: self.chance.choice(_WORDS if "regex" not in operator else ("al.ha", "b(eta|x)", "^gamma"))}

    # --- pieces ---------------------------------------------------------------------------------------------------------

    def _maybe(self) -> bool:
        return self.chance.random() < 0.5

    def _ids(self, most: int) -> list[str]:
        return self.chance.sample(IDS, self.chance.randint(1, most))

    def _vector(self) -> list[float]:
        # Whole numbers of which two squares are exact in single precision, so that distances are the same everywhere.
        return [float(self.chance.randrange(2048)), float(self.chance.randrange(2048))]

    def _text(self) -> str:
        return " ".join(self.chance.choices(_WORDS, k=self.chance.randint(1, 3)))
