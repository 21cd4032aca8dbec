"""Qdrant's messages as trees in the words of the REST interface, so that one reading holds for both.

What a tree is made of it remembers (`Tree.origin`): whoever narrows a request changes the tree, and only what was changed is
put back into the message (`qdrant_edits`). Vectors and points are leaves. A choice that was not made, which Qdrant would refuse
or take for something, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from extproc.errors import Malformed
from extproc.protocols.qdrant_queries import Probe
from extproc.protocols.qdrant_values import Records, choice, point_id

_SERVICE: Final = frozenset({"collection_name", "wait", "ordering", "timeout", "read_consistency"})
"""Members of a request that are not a part of what it asks for, or are looked at elsewhere."""

_NAMES: Final = {
    "with_vectors": "with_vector",
    "shard_key_selector": "shard_key",
    "search_points": "searches",
    "query_points": "searches",
    "recommend_points": "searches",
    "discover_points": "searches",
    "vectors": "vector",
}
"""What REST calls a member that it calls otherwise."""

CHANGES: Final = {
    "upsert": "upsert",
    "delete_points": "delete",
    "delete_deprecated": "delete",
    "set_payload": "set_payload",
    "overwrite_payload": "overwrite_payload",
    "delete_payload": "delete_payload",
    "clear_payload": "clear_payload",
    "clear_payload_deprecated": "clear_payload",
    "update_vectors": "update_vectors",
    "delete_vectors": "delete_vectors",
}
"""The kinds of the changes that a batch holds, by their names in the message."""


class Tree(dict[str, Any]):
    """A part of a request, and the message that it was made of."""

    __slots__ = ("origin",)

    def __init__(self, members: Mapping[str, Any], origin: Any) -> None:
        super().__init__(members)
        self.origin = origin


def tree(message: Any) -> Any:
    """Return the tree of a message, or the plain value or leaf that stands for it. Raises `Malformed`."""
    made = _KINDS.get(message.DESCRIPTOR.full_name)
    return Tree(_members(message), message) if made is None else made(message)


def _members(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for descriptor, value in message.ListFields():
        name = descriptor.name
        if name in _SERVICE:
            continue
        if descriptor.message_type is None:
            found[_NAMES.get(name, name)] = list(value) if descriptor.is_repeated else value
        elif descriptor.is_repeated:
            found[_NAMES.get(name, name)] = [tree(each) for each in value]
        else:
            found[_NAMES.get(name, name)] = tree(value)
    return found


# --- filters ------------------------------------------------------------------------------------------------------------


def _condition(message: Any) -> Any:
    kind, value = choice(message, "condition_one_of")
    return tree(value) if kind == "filter" else Tree(_CLAUSES[kind](value), message)


def _field(message: Any) -> dict[str, Any]:
    found = _members(message)
    found["key"] = message.key
    if "datetime_range" in found:
        if "range" in found:
            raise Malformed("a clause of a filter has one predicate", code="filter_malformed")
        found["range"] = dict.fromkeys(found.pop("datetime_range"), "")  # which bounds, but not the times
    return found


_CLAUSES: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "field": _field,
    "has_id": lambda clause: {"has_id": [point_id(each) for each in clause.has_id]},
    "has_vector": lambda clause: {"has_vector": clause.has_vector},
    "slice": lambda clause: {"slice": {"total": clause.total, "index": clause.index}},
    "is_empty": lambda clause: {"is_empty": {"key": clause.key}},
    "is_null": lambda clause: {"is_null": {"key": clause.key}},
    "nested": lambda clause: {"nested": {"key": clause.key, "filter": tree(clause.filter)}},
}

_MATCHES: Final = {
    "keyword": ("value", None),
    "integer": ("value", None),
    "boolean": ("value", None),
    "keywords": ("any", "strings"),
    "integers": ("any", "integers"),
    "except_keywords": ("except", "strings"),
    "except_integers": ("except", "integers"),
}


def _match(message: Any) -> Any:
    kind, value = choice(message, "match_value")
    name, inner = _MATCHES.get(kind, (kind, None))
    return Tree({name: value if inner is None else list(getattr(value, inner))}, message)


def _min_should(message: Any) -> Any:
    return Tree({"conditions": [tree(each) for each in message.conditions], "min_count": message.min_count}, message)


def _times(message: Any) -> Any:
    return Tree({descriptor.name: "" for descriptor, _ in message.ListFields()}, message)


# --- selections ---------------------------------------------------------------------------------------------------------


def _shard(message: Any) -> Any:
    return choice(message, "key")[1]


def _shards(message: Any) -> Any:
    keys = [_shard(each) for each in message.shard_keys]
    return [*keys, _shard(message.fallback)] if message.HasField("fallback") else keys


def _with_payload(message: Any) -> Any:
    match message.WhichOneof("selector_options"):
        case None:
            return None
        case "enable":
            return message.enable
        case kind:
            return Tree({kind: list(getattr(message, kind).fields)}, message)


def _with_vectors(message: Any) -> Any:
    match message.WhichOneof("selector_options"):
        case None:
            return None
        case "enable":
            return message.enable
        case _:
            return list(message.include.names)


# --- queries ------------------------------------------------------------------------------------------------------------

_MADE: Final = frozenset({"document", "image", "object"})
"""What the server makes vectors of."""


def _input(message: Any) -> Any:
    kind, value = choice(message, "variant")
    return point_id(value) if kind == "id" else Probe("text" if kind in _MADE else "vector", message)


def _vector(message: Any) -> Any:
    return Probe("text" if message.WhichOneof("vector") in _MADE else "vector", message)


def _example(message: Any) -> Any:
    kind, value = choice(message, "example")
    return point_id(value) if kind == "id" else _vector(value)


def _target(message: Any) -> Any:
    return _example(choice(message, "target")[1])


def _pair(message: Any) -> Any:
    return Tree({"positive": tree(message.positive), "negative": tree(message.negative)}, message)


def _query(message: Any) -> Any:
    kind, value = choice(message, "variant")
    return Tree(_QUERIES[kind](value) if kind in _QUERIES else {kind: tree(value)}, message)


def _discover(query: Any) -> dict[str, Any]:
    return {"discover": {"target": tree(query.target), "context": [tree(each) for each in query.context.pairs]}}


def _feedback(query: Any) -> dict[str, Any]:
    feedback = [{"example": tree(each.example), "score": each.score} for each in query.feedback]
    return {"relevance_feedback": {"target": tree(query.target), "feedback": feedback, "strategy": {}}}


_QUERIES: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "nearest_with_mmr": lambda query: {"nearest": tree(query.nearest)},
    "context": lambda query: {"context": [tree(each) for each in query.pairs]},
    "discover": _discover,
    "formula": lambda query: {"formula": tree(query.expression)},
    "relevance_feedback": _feedback,
    # Nothing of these is looked at.
    "fusion": lambda _: {"fusion": {}},
    "sample": lambda _: {"sample": {}},
    "rrf": lambda _: {"rrf": {}},
    "text": lambda _: {"text": {}},
}


def _order(message: Any) -> Any:
    return Tree({"key": message.key}, message)


def _expression(message: Any) -> Any:
    kind, value = choice(message, "variant")
    match kind:
        case "constant" | "variable":
            return value
        case "condition":
            return tree(value)
        case _:
            return {kind: _EXPRESSIONS[kind](value) if kind in _EXPRESSIONS else tree(value)}


def _list_of(name: str) -> Callable[[Any], Any]:
    return lambda expression: [tree(each) for each in getattr(expression, name)]


def _decay(expression: Any) -> Any:
    target = {"target": tree(expression.target)} if expression.HasField("target") else {}
    return {"x": tree(expression.x), **target}


_EXPRESSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "datetime": str,
    "datetime_key": str,
    "geo_distance": lambda expression: {"to": expression.to},
    "mult": _list_of("mult"),
    "sum": _list_of("sum"),
    "max": _list_of("max"),
    "min": _list_of("min"),
    "div": lambda expression: {"left": tree(expression.left), "right": tree(expression.right)},
    "pow": lambda expression: {"base": tree(expression.base), "exponent": tree(expression.exponent)},
    "exp_decay": _decay,
    "gauss_decay": _decay,
    "lin_decay": _decay,
}


def _idf(message: Any) -> Any:
    return Tree({"corpus": tree(message.corpus)}, message) if message.HasField("corpus") else "global"


def _lookup(message: Any) -> Any:
    found = {name: value for name, value in _members(message).items() if name != "vector_name"}
    return Tree({**found, "collection": message.collection_name}, message)


def _beside(message: Any) -> Any:
    found = _members(message)
    if "with_vector" in found:
        found["with_vectors"] = found.pop("with_vector")
    return Tree({**found, "collection": message.collection}, message)


def _search(message: Any) -> Any:
    """Return the tree of an older search, whose vector is spread over several members."""
    kept = {name: value for name, value in _members(message).items() if name not in {"vector", "sparse_indices", "vector_name"}}
    return Tree({**kept, "vector": Probe("vector", message)}, message)


def _recommend(message: Any) -> Any:
    found = _members(message)
    for side in ("positive", "negative"):
        found[side] = [*found.get(side, ()), *found.pop(f"{side}_vectors", ())]
    return Tree(found, message)


# --- changes ------------------------------------------------------------------------------------------------------------


def _selector(message: Any) -> dict[str, Any]:
    kind, value = choice(message, "points_selector_one_of")
    return {"filter": tree(value)} if kind == "filter" else {"points": [point_id(each) for each in value.ids]}


def _change(message: Any) -> Any:
    """Return the tree of a change of records that are selected."""
    kept = {"points", "points_selector", "payload", "vectors"}
    names = message.DESCRIPTOR.fields_by_name
    found = {
        _NAMES.get(each.name, each.name): _of(each, value)
        for each, value in message.ListFields()
        if each.name not in kept | _SERVICE
    }
    selector = message.points_selector if "points_selector" in names else message.points
    found.update(_selector(selector))
    if "payload" in names:
        found["payload"] = Records([message])
    if "vectors" in names:
        found["vector"] = list(message.vectors.names)
    return Tree(found, message)


def _of(descriptor: Any, value: Any) -> Any:
    if descriptor.message_type is not None:
        return tree(value)
    return list(value) if descriptor.is_repeated else value


def _written(message: Any) -> Any:
    """Return the tree of points that are written; their payloads and vectors are left alone."""
    found = {
        _NAMES.get(each.name, each.name): _of(each, value)
        for each, value in message.ListFields()
        if each.name not in {"points", *_SERVICE}
    }
    return Tree({**found, "points": Records(message.points)}, message)


def _operation(message: Any) -> Any:
    kind, value = choice(message, "operation")
    inner = Tree(_selector(value), value) if kind.endswith("_deprecated") else tree(value)
    return Tree({CHANGES[kind]: inner}, message)


def _alias(message: Any) -> Any:
    return Tree({"collection_name": message.collection_name, "alias_name": message.alias_name}, message)


_BATCHED: Final = "qdrant.PointsUpdateOperation"

_KINDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "qdrant.Condition": _condition,
    "qdrant.Match": _match,
    "qdrant.MinShould": _min_should,
    "qdrant.DatetimeRange": _times,
    "qdrant.PointId": point_id,
    "qdrant.ShardKey": _shard,
    "qdrant.ShardKeySelector": _shards,
    "qdrant.WithPayloadSelector": _with_payload,
    "qdrant.WithVectorsSelector": _with_vectors,
    "qdrant.VectorInput": _input,
    "qdrant.Vector": _vector,
    "qdrant.VectorExample": _example,
    "qdrant.TargetVector": _target,
    "qdrant.ContextInputPair": _pair,
    "qdrant.ContextExamplePair": _pair,
    "qdrant.Query": _query,
    "qdrant.OrderBy": _order,
    "qdrant.Expression": _expression,
    "qdrant.IdfParams": _idf,
    "qdrant.LookupLocation": _lookup,
    "qdrant.WithLookup": _beside,
    "qdrant.SearchPoints": _search,
    "qdrant.SearchPointGroups": _search,
    "qdrant.RecommendPoints": _recommend,
    "qdrant.RecommendPointGroups": _recommend,
    "qdrant.UpsertPoints": _written,
    "qdrant.UpdatePointVectors": _written,
    f"{_BATCHED}.PointStructList": _written,
    f"{_BATCHED}.UpdateVectors": _written,
    "qdrant.DeletePoints": _change,
    "qdrant.DeletePointVectors": _change,
    "qdrant.SetPayloadPoints": _change,
    "qdrant.DeletePayloadPoints": _change,
    "qdrant.ClearPayloadPoints": _change,
    f"{_BATCHED}.DeletePoints": _change,
    f"{_BATCHED}.DeleteVectors": _change,
    f"{_BATCHED}.SetPayload": _change,
    f"{_BATCHED}.OverwritePayload": _change,
    f"{_BATCHED}.DeletePayload": _change,
    f"{_BATCHED}.ClearPayload": _change,
    _BATCHED: _operation,
    "qdrant.CreateAlias": _alias,
}
"""The messages that REST says otherwise than member by member."""
