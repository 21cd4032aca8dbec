"""What must come of acts on Qdrant: points as a dictionary, and whose they are; each actor's own, alone, tell what it reads."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import to_jsonable_python
from qdrant_client import QdrantClient
from qdrant_client import models as m
from qdrant_client.local.payload_filters import check_filter

from support.qdrant import quiet
from tenancy.model import Outcome
from tenancy.qdrant_acts import LOADER, OTHER_IDS, TENANTS, Act

SIZES: Final = m.VectorParams(size=3, distance=m.Distance.EUCLID)
DENIED: Final = 403
MISSING: Final = 404
_BY_ID: Final = frozenset({"set_payload", "overwrite_payload", "delete_payload", "clear_payload"})
"""Changes that Qdrant makes to the points that are there, and then says which is not."""


def owner_filter(tenant: str) -> m.Filter:
    """Return the filter of what a tenant may see, as the policy has it."""
    mine = m.FieldCondition(key="tenant", match=m.MatchValue(value=tenant))
    secret = m.FieldCondition(key="secret", match=m.MatchValue(value=True))
    return m.Filter(must=[mine, m.Filter(must_not=[secret])])


OWN: Final = {tenant: owner_filter(tenant) for tenant in TENANTS}


def others() -> list[m.PointStruct]:
    """Return the records of the other collection."""
    return [
        m.PointStruct(id=index, vector=[float(index), 1.0, 2.0], payload={"label": index, "tenant": TENANTS[index % 3]})
        for index in OTHER_IDS
    ]


@dataclass(slots=True)
class Point:
    """One point as it is stored."""

    vector: list[float]
    payload: dict[str, Any]


class Refused(Exception):
    """A request that the gateway refuses, with its reason, or one that Qdrant finds nothing for."""

    def __init__(self, status: int, reason: str = "") -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


class Partly(Refused):
    """What was done nevertheless, as far as it could be."""


@dataclass(slots=True)
class Model:
    """Two collections, one of which stays as it is."""

    points: dict[Any, Point] = field(default_factory=dict)

    def copy(self) -> Model:
        """Return a model of its own."""
        return Model(deepcopy(self.points))

    def dump(self) -> Any:
        """Return all points in a form that can be compared."""
        return sorted(([each, point.vector, point.payload] for each, point in self.points.items()), key=lambda row: str(row[0]))

    def do(self, act: Act) -> Outcome:
        """Do an act and return what its actor must be told."""
        try:
            if not act.writes:
                return Outcome(status=200, told=self._read(act))
            after = self.copy()
            after._write(act.actor, act.method, act.arguments)
            self.points = after.points
            return Outcome(status=200)
        except Refused as refused:
            if isinstance(refused, Partly):
                self.points = after.points
            return Outcome(status=refused.status, reason=refused.reason)

    # --- reads ----------------------------------------------------------------------------------------------------------

    def _read(self, act: Act) -> Any:
        """Ask a database that holds nothing but the actor's own."""
        with quiet():
            alone = QdrantClient(":memory:")
            for name in ("shared", "other"):
                alone.create_collection(name, vectors_config=SIZES)
            own = [m.PointStruct(id=each, vector=at.vector, payload=at.payload) for each, at in self.points.items()]
            for name, points in (("shared", own), ("other", others())):
                visible = [each for each in points if is_own(act.actor, each.payload, each.id)]
                if visible:
                    alone.upsert(name, visible)
            try:
                return told(act, getattr(alone, act.method)("shared", **act.arguments))
            except (KeyError, ValueError) as error:
                raise Refused(MISSING, "not_found") from error

    # --- writes ---------------------------------------------------------------------------------------------------------

    def _write(self, actor: str, method: str, sent: dict[str, Any]) -> None:
        match method:
            case "batch_update_points":
                for change in sent["update_operations"]:
                    self._write(actor, *_parts(change))
            case "upsert":
                self._upsert(actor, sent)
            case "update_vectors":
                self._put(actor, sent["points"])
            case "delete" | "clear_payload" | "delete_payload":
                self._take(actor, method, sent)
            case _:
                self._set(actor, method, sent)
        self._told_missing(actor, method, sent)

    def _upsert(self, actor: str, sent: dict[str, Any]) -> None:
        written = [(each.id, each.vector, {**(each.payload or {}), **_stamp(actor)}) for each in sent["points"]]
        for _, _, payload in written:
            _refuse_outside(actor, payload, new=True)
        for each, vector, payload in written:
            if each not in self.points or self._chosen(actor, each, sent.get("update_filter")):
                self.points[each] = Point(list(vector), payload)

    def _take(self, actor: str, method: str, sent: dict[str, Any]) -> None:
        """Take points away, or what is in their payloads."""
        if method == "delete_payload" and actor != LOADER and {"tenant", "secret"} & set(sent["keys"]):
            raise Refused(DENIED, "field_held")
        for each in self._selected(actor, sent["points" if method == "delete_payload" else "points_selector"]):
            if method == "delete":
                del self.points[each]
            elif method == "clear_payload":
                self.points[each].payload = _stamp(actor)
            else:
                _take(self.points[each].payload, sent["keys"])

    def _put(self, actor: str, vectors: list[Any]) -> None:
        """Put vectors into points: of a tenant's, all must be there; of the others Qdrant puts those that are."""
        own = [each for each in vectors if each.id in self.points and is_own(actor, self.points[each.id].payload, each.id)]
        if len(own) < len(vectors) and actor != LOADER:
            raise Refused(MISSING, "not_found")
        for each in own:
            self.points[each.id].vector = list(each.vector)
        if len(own) < len(vectors):
            raise Partly(MISSING, "not_found")

    def _set(self, actor: str, method: str, sent: dict[str, Any]) -> None:
        whole = method == "overwrite_payload"
        if sent.get("key"):
            for each in self._selected(actor, sent["points"]):
                self.points[each].payload["deep"] = {**self.points[each].payload.get("deep", {}), **sent["payload"]}
            return
        payload = {**sent["payload"], **_stamp(actor)}
        _refuse_outside(actor, payload, new=whole)
        for each in self._selected(actor, sent["points"]):
            merged = payload if whole else {**self.points[each].payload, **payload}
            # A null that is put into a payload takes the field away.
            kept = {name: value for name, value in merged.items() if whole or name not in payload or value is not None}
            self.points[each].payload = kept

    def _selected(self, actor: str, selector: Any) -> list[Any]:
        """Return the ids of what is selected; of what is named and not there Qdrant tells the loader in the end."""
        chosen = selector.points if isinstance(selector, m.PointIdsList) else selector
        condition = chosen.filter if isinstance(chosen, m.FilterSelector) else chosen
        if isinstance(condition, m.Filter):
            return [each for each in self.points if self._chosen(actor, each, condition)]
        named: list[Any] = condition or []
        return [each for each in dict.fromkeys(named) if each in self.points and self._chosen(actor, each, None)]

    def _told_missing(self, actor: str, method: str, sent: dict[str, Any]) -> None:
        selector = sent.get("points") if "points" in sent else sent.get("points_selector")
        named = selector.points if isinstance(selector, m.PointIdsList) else selector
        ids: list[Any] = named if isinstance(named, list) else []
        if actor == LOADER and method in _BY_ID and any(each not in self.points for each in ids):
            raise Partly(MISSING, "not_found")

    def _chosen(self, actor: str, each: Any, condition: m.Filter | None) -> bool:
        payload = self.points[each].payload
        return is_own(actor, payload, each) and (condition is None or check_filter(condition, payload, each, {"": True}))


def is_own(actor: str, payload: dict[str, Any] | None, each: Any) -> bool:
    """Return whether a point of this payload is one of the actor's."""
    return actor == LOADER or check_filter(OWN[actor], payload or {}, each, {})


def _stamp(actor: str) -> dict[str, Any]:
    """Return what whatever an actor writes is stamped with."""
    return {} if actor == LOADER else {"tenant": actor}


def _refuse_outside(actor: str, payload: dict[str, Any], *, new: bool) -> None:
    """Refuse what would not be the actor's own; what is no plain value nobody can be sure of."""
    if actor == LOADER or (not new and "secret" not in payload):
        return
    secret = payload.get("secret")
    if secret is True or isinstance(secret, (list, dict)):
        raise Refused(DENIED, "record_outside_filter")


def _take(payload: dict[str, Any], keys: list[str]) -> None:
    for key in keys:
        name, _, inner = key.partition(".")
        if not inner:
            payload.pop(name, None)
        elif isinstance(payload.get(name), dict):
            payload[name] = {step: value for step, value in payload[name].items() if step != inner}


def _parts(change: Any) -> tuple[str, dict[str, Any]]:
    """Return one change of a batch as the call that it stands for."""
    match change:
        case m.UpsertOperation(upsert=m.PointsList() as made):
            return "upsert", {"points": made.points}
        case m.SetPayloadOperation(set_payload=made):
            return "set_payload", {"payload": made.payload, "points": made.points or made.filter}
        case m.OverwritePayloadOperation(overwrite_payload=made):
            return "overwrite_payload", {"payload": made.payload, "points": made.points or made.filter}
        case m.DeletePayloadOperation(delete_payload=made):
            return "delete_payload", {"keys": made.keys, "points": made.points or made.filter}
        case m.ClearPayloadOperation(clear_payload=made):
            return "clear_payload", {"points_selector": made}
        case _:
            return "delete", {"points_selector": change.delete}


# --- told -----------------------------------------------------------------------------------------------------------------


def told(act: Act, result: Any) -> Any:
    """Return what came back in a form that can be compared, whichever interface it came by."""
    if act.writes:
        return None
    plain = _plain(to_jsonable_python(result))
    match act.method:
        case "facet":
            return sorted([[hit["value"], hit["count"]] for hit in plain["hits"]], key=json.dumps)
        case "search_matrix_pairs":
            return sorted(plain["pairs"], key=lambda pair: json.dumps([pair["a"], pair["b"]]))
        case "query_points_groups":
            return sorted(plain["groups"], key=lambda group: json.dumps(group["id"]))
        case "retrieve":
            return sorted(plain, key=lambda point: str(point["id"]))
        case _:
            return plain


def _plain(value: Any) -> Any:
    """Return values without what each interface adds."""
    match value:
        case dict():
            kept = {name: _plain(inner) for name, inner in value.items() if name not in {"version", "shard_key", "usage"}}
            return {name: inner for name, inner in kept.items() if inner not in (None, {}) or name in {"tenant", "secret"}}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value
