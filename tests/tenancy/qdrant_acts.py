"""What tenants and a loader do to one collection of Qdrant's: made up from a seed, and meant to meet on the same few ids."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from qdrant_client import models as m

from extproc.events import Transport

TENANTS: Final = ("t1", "t2", "t3")
LOADER: Final = "loader"
IDS: Final[tuple[Any, ...]] = (*range(12), "5c56c793-69f3-4fbf-87e6-c4bf54c28c26", "00000000-0000-0000-0000-00000000000a")
OTHER_IDS: Final = tuple(range(9))
"""The ids of the other collection, which stays as it is: three records of each tenant, by turns."""

WRITES: Final = frozenset(
    {
        "upsert",
        "update_vectors",
        "delete",
        "set_payload",
        "overwrite_payload",
        "delete_payload",
        "clear_payload",
        "batch_update_points",
    }
)
_COLORS: Final = ("red", "blue", "", "Red")
_VALUES: Final[dict[str, tuple[Any, ...]]] = {
    "color": _COLORS,
    "n": (-1, 0, 1, 2, 3),
    "ok": (True, False),
    "tags": (["alpha"], ["alpha", "beta"], []),
    "deep": ({"x": 1}, {"x": 2, "y": "a"}),
    "part": (0, 1, 2, 3, 4, 77),
    "tenant": ("t1", "t2", "t3", None, ["t1"], True, 1, {"t1": 1}),
    "secret": (True, False, False, None, "true", 1, ["x"]),
    "Tenant": ("t1", "t2"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call of one actor's client on the collection, over one interface."""

    actor: str
    over: Transport
    method: str
    arguments: dict[str, Any]

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method in WRITES


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes acts by chance; the same chance gives the same acts."""

    chance: random.Random

    def round(self) -> list[Act]:
        """Return what is done at once: an act of each tenant; at times writes alone, and then the loader writes too."""
        if self.chance.random() < 0.25:
            # The gateway looks whether points that get vectors are there; nobody but the loader can take them away meanwhile.
            return [self._write(actor, vectors=False) for actor in (*TENANTS, LOADER)]
        return [self._write(actor) if self._maybe() else self._read(actor) for actor in TENANTS]

    def _act(self, actor: str, method: str, **arguments: Any) -> Act:
        return Act(actor=actor, over=self.chance.choice(("rest", "grpc")), method=method, arguments=arguments)

    # --- writes ---------------------------------------------------------------------------------------------------------

    def _write(self, actor: str, *, vectors: bool = True) -> Act:
        rare = WRITES - {"upsert"} if vectors else WRITES - {"upsert", "update_vectors"}
        methods = ("upsert", "upsert", "upsert", *sorted(rare))
        method = self.chance.choice(("upsert", "delete")) if actor == LOADER and self._maybe() else self.chance.choice(methods)
        match method:
            case "upsert":
                condition = self._filter(1) if self.chance.random() < 0.15 else None
                return self._act(actor, method, points=self._points(actor), update_filter=condition)
            case "batch_update_points":
                return self._act(actor, method, update_operations=self._changes(actor))
            case "update_vectors":
                points = [m.PointVectors(id=each, vector=self._vector()) for each in self._ids(2)]
                return self._act(actor, method, points=points)
            case "delete" | "clear_payload":
                return self._act(actor, method, points_selector=self._selector(8 if actor == LOADER else 3))
            case "delete_payload":
                keys = self.chance.sample(["color", "n", "tags", "deep.x", "tenant", "secret"], self.chance.randint(1, 2))
                return self._act(actor, method, keys=keys, points=self._selector(3))
        payload = self._payload(actor)
        key = "deep" if method == "set_payload" and self.chance.random() < 0.15 else None
        named = {"key": key} if method == "set_payload" else {}
        return self._act(actor, method, payload={"x": 9} if key else payload, points=self._selector(3), **named)

    def _points(self, actor: str) -> list[m.PointStruct]:
        # By their ranks points are put in an order; equals would have none.
        return [
            m.PointStruct(id=each, vector=self._vector(), payload={**self._payload(actor), "rank": self.chance.random()})
            for each in self._ids(3)
        ]

    def _changes(self, actor: str) -> list[Any]:
        """Return a batch of changes, one after the other."""
        points, payload, ids = self._points(actor), self._payload(actor), self._ids(2)
        changes = [
            m.UpsertOperation(upsert=m.PointsList(points=points)),
            m.SetPayloadOperation(set_payload=m.SetPayload(payload=payload, points=ids)),
            m.DeleteOperation(delete=m.PointIdsList(points=self._ids(2))),
            m.DeleteOperation(delete=m.FilterSelector(filter=self._filter(1))),
            m.ClearPayloadOperation(clear_payload=m.PointIdsList(points=ids)),
            m.OverwritePayloadOperation(overwrite_payload=m.SetPayload(payload=payload, filter=self._filter(1))),
            m.DeletePayloadOperation(delete_payload=m.DeletePayload(keys=["color"], points=ids)),
        ]
        return self.chance.sample(changes, self.chance.randint(1, 3))

    def _payload(self, actor: str) -> dict[str, Any]:
        chosen = {name: self.chance.choice(_VALUES[name]) for name in self.chance.sample(sorted(_VALUES), 4)}
        if actor == LOADER and self.chance.random() < 0.8:
            chosen["tenant"] = self.chance.choice(TENANTS)
        if self.chance.random() < (0.4 if actor == LOADER else 0.9):
            chosen.pop("secret", None)
        return chosen

    def _selector(self, most: int) -> Any:
        if self.chance.random() < 0.6:
            return self._ids(most)
        return self._filter(2)

    # --- reads ----------------------------------------------------------------------------------------------------------

    def _read(self, actor: str) -> Act:
        kind = self.chance.choice(
            ("scroll", "retrieve", "count", "facet", "search_matrix_pairs", "query_points_groups", "query_batch_points")
            + ("query_points",) * 4
        )
        condition = self._filter(2) if self._maybe() else None
        asked: dict[str, Any]
        match kind:
            case "scroll":
                order = self.chance.choice((None, None, m.OrderBy(key="rank", direction=m.Direction.DESC)))
                offset = self.chance.choice(IDS) if order is None and self._maybe() else None
                shown = {"with_payload": self._shown(), "with_vectors": self._maybe()}
                page = {"limit": self.chance.randint(1, 6), "order_by": order, "offset": offset}
                asked = {"scroll_filter": condition, **page, **shown}
            case "retrieve":
                asked = {"ids": self._ids(6), "with_payload": self._shown(), "with_vectors": self._maybe()}
            case "count":
                asked = {"count_filter": condition}
            case "facet":
                key = self.chance.choice(("color", "n", "ok", "tenant", "tags"))
                asked = {"key": key, "facet_filter": condition, "limit": 50}
            case "search_matrix_pairs":
                # A sample of all there are: which of them would be chosen nobody can tell.
                asked = {"query_filter": condition, "sample": 50, "limit": 2}
            case "query_batch_points":
                found = [self._query() for _ in range(self.chance.randint(1, 3))]
                asked = {"requests": [m.QueryRequest(filter=self._filter(1), **each) for each in found]}
            case "query_points_groups":
                lookup = m.WithLookup(collection="other", with_payload=True) if self._maybe() else None
                groups = {"group_by": "part", "limit": 6, "group_size": 3, "with_payload": True}
                asked = {"query": self._start(), "query_filter": condition, "with_lookup": lookup, **groups}
            case _:
                asked = {"query_filter": condition, **self._query(), "with_payload": self._shown()}
        return self._act(actor, kind, **asked)

    def _query(self) -> dict[str, Any]:
        """Return what a query starts from, at times what is fetched beforehand or elsewhere."""
        limit = self.chance.randint(1, 5)
        if self.chance.random() < 0.2:
            start = self.chance.choice(OTHER_IDS)
            return {"query": start, "lookup_from": m.LookupLocation(collection="other"), "limit": limit}
        if self.chance.random() < 0.4:
            # Few are fetched, so that somebody else's among them would be missed.
            first = self._vector() if self._maybe() else self._start()
            deep = m.Prefetch(query=first, filter=self._filter(1) if self._maybe() else None, limit=3)
            fetched = m.Prefetch(prefetch=[deep], query=self._vector(), limit=2) if self._maybe() else deep
            weighed = m.FormulaQuery(formula=m.SumExpression(sum=["$score", "rank"]), defaults={"rank": 0.0})
            return {"query": self._vector() if self._maybe() else weighed, "prefetch": [fetched], "limit": limit}
        return {"query": self._start(), "limit": limit}

    def _start(self) -> Any:
        """Return a vector, a point, or points and vectors in some relation."""
        point, other = self.chance.sample(IDS, 2)
        return self.chance.choice(
            (
                self._vector(),
                self._vector(),
                point,
                point,
                m.RecommendQuery(recommend=m.RecommendInput(positive=[point], negative=[self._vector()])),
                m.RecommendQuery(recommend=m.RecommendInput(positive=[self._vector(), point], negative=[other])),
                m.DiscoverQuery(
                    discover=m.DiscoverInput(target=self._vector(), context=[m.ContextPair(positive=point, negative=other)])
                ),
            )
        )

    def _filter(self, depth: int) -> m.Filter:
        # Filters of a query and of its prefetches are laid together member by member, which makes two *should* one.
        return m.Filter(must=[self._part(depth)])

    def _part(self, depth: int) -> m.Filter:
        parts: list[Any] = [self._clause()]
        if depth and self.chance.random() < 0.4:
            parts = [self._part(depth - 1) for _ in range(self.chance.randint(1, 3))]
        match self.chance.randrange(3):
            case 0:
                return m.Filter(must=parts)
            case 1:
                return m.Filter(should=parts)
            case _:
                return m.Filter(must_not=parts)

    def _clause(self) -> m.Condition:
        clauses: list[m.Condition] = [
            m.FieldCondition(key="color", match=m.MatchAny(any=self.chance.sample(_COLORS, 2))),
            m.FieldCondition(key="n", range=m.Range(gte=self.chance.choice(_VALUES["n"]))),
            m.HasIdCondition(has_id=self._ids(10)),
            m.FieldCondition(key="tags", values_count=m.ValuesCount(gte=self.chance.randint(0, 2))),
            m.IsEmptyCondition(is_empty=m.PayloadField(key=self.chance.choice(("color", "tenant", "deep.x")))),
            m.FieldCondition(key="ok", match=m.MatchValue(value=self._maybe())),
            m.FieldCondition(key="tenant", match=m.MatchValue(value=self.chance.choice(TENANTS))),
        ]
        return self.chance.choice(clauses)

    # --- pieces ---------------------------------------------------------------------------------------------------------

    def _maybe(self) -> bool:
        return self.chance.random() < 0.5

    def _shown(self) -> Any:
        return self.chance.choice((True, True, False, ["color", "tenant"]))

    def _ids(self, most: int) -> list[Any]:
        return self.chance.sample(IDS, self.chance.randint(1, most))

    def _vector(self) -> list[float]:
        return [float(self.chance.randrange(1, 512)) for _ in range(3)]
