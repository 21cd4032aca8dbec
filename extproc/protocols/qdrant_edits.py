"""What was narrowed in a tree, put back into the message that the tree was made of, in place.

Old and new tree are compared member by member: what is the same object stays as it is in the message, and of a new part
everything that came of a message is copied from it, so nothing that was not narrowed is ever written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from qdrant_client import grpc as messages

from extproc.protocols import qdrant_values
from extproc.protocols.qdrant_trees import Tree
from extproc.protocols.qdrant_values import Records

_Body = Mapping[str, Any]


def apply(message: Any, old: _Body, new: _Body) -> None:
    """Make `message`, of which `old` was made, say what `new` says."""
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if before is not after:
            _EDITS[name](message, before, after)


def _fields(message: Any) -> Any:
    return message.DESCRIPTOR.fields_by_name


# --- filters ------------------------------------------------------------------------------------------------------------


def filtered(found: Any) -> Any:
    """Return the Filter message of a tree."""
    if isinstance(found, Tree) and found.origin.DESCRIPTOR.full_name == "qdrant.Filter":
        return found.origin
    made = messages.Filter()
    for group in ("must", "should", "must_not"):
        if group in found:
            getattr(made, group).extend(_condition(each) for each in found[group])
    return made


def _condition(found: Any) -> Any:
    """Return the Condition message of a clause: of the client's own, or of what `qdrant_dialect` says."""
    if isinstance(found, Tree) and found.origin.DESCRIPTOR.full_name == "qdrant.Condition":
        return found.origin
    if "has_id" in found:
        return messages.Condition(has_id=messages.HasIdCondition(has_id=[point_id(each) for each in found["has_id"]]))
    if "key" not in found:
        return messages.Condition(filter=filtered(found))
    made = messages.Condition(field=messages.FieldCondition(key=found["key"]))
    if "range" in found:
        made.field.range.CopyFrom(messages.Range(**found["range"]))
    else:
        made.field.match.CopyFrom(_match(found["match"]))
    return made


def _match(found: _Body) -> Any:
    match found:
        case {"any": list(values)}:
            return messages.Match(keywords=messages.RepeatedStrings(strings=values))
        case {"value": bool(value)}:
            return messages.Match(boolean=value)
        case _:
            return messages.Match(keyword=found["value"])


def point_id(found: int | str) -> Any:
    """Return the message of a point's id."""
    return messages.PointId(num=found) if isinstance(found, int) else messages.PointId(uuid=found)


# --- members ------------------------------------------------------------------------------------------------------------


def _filter(message: Any, _: Any, after: Any) -> None:
    """Put a filter where this message has it: beside its other members, or as what it selects."""
    if "filter" in _fields(message):
        message.filter.CopyFrom(filtered(after))
        return
    selector = message if "points_selector_one_of" in message.DESCRIPTOR.oneofs_by_name else _selector(message)
    selector.filter.CopyFrom(filtered(after))


def _selector(message: Any) -> Any:
    return message.points_selector if "points_selector" in _fields(message) else message.points


def _points(_message: Any, _: Any, after: Any) -> None:
    """Put the stamp into points; ids that became a filter have gone with it."""
    if isinstance(after, Records):
        after.settle()


def _payload(message: Any, _: Any, after: Any) -> None:
    if isinstance(after, Records):
        after.settle()
        return
    for name, raw in after.items():
        qdrant_values.put(message.payload[name], msgspec.json.decode(raw))


def _number(name: str) -> Callable[[Any, Any, Any], None]:
    def edit(message: Any, _: Any, after: Any) -> None:
        setattr(message, name, after)

    return edit


def _without_vectors(message: Any, _: Any, after: Any) -> None:
    message.with_vectors.enable = bool(after)


def _with_payload(message: Any, _: Any, after: Any) -> None:
    message.with_payload.enable = bool(after)


def _ids(message: Any, _: Any, after: Any) -> None:
    del message.ids[len(after) :]


def _each(name: str) -> Callable[[Any, Any, Any], None]:
    def edit(message: Any, before: Any, after: Any) -> None:
        for inner, old, new in zip(getattr(message, name), before, after, strict=True):
            apply(inner, old, new)

    return edit


def _searches(message: Any, before: Any, after: Any) -> None:
    (name,) = (name for name in _fields(message) if name.endswith("_points"))
    _each(name)(message, before, after)


def _operations(message: Any, before: Any, after: Any) -> None:
    for inner, old, new in zip(message.operations, before, after, strict=True):
        if old is not new:
            _operation(inner, old, new)


def _operation(message: Any, old: _Body, new: _Body) -> None:
    """Change one operation of a batch, which may have to become another."""
    ((kind, before),), ((wanted, after),) = old.items(), new.items()
    chosen = message.WhichOneof("operation")
    if kind == wanted:
        apply(getattr(message, chosen), before, after)
        return
    made = message.OverwritePayload()
    selection = getattr(message, chosen)
    if "shard_key_selector" in _fields(selection) and selection.HasField("shard_key_selector"):
        made.shard_key_selector.CopyFrom(selection.shard_key_selector)
    made.points_selector.filter.CopyFrom(filtered(after["filter"]))
    _payload(made, None, after["payload"])
    message.overwrite_payload.CopyFrom(made)


def _inner(name: str) -> Callable[[Any, Any, Any], None]:
    def edit(message: Any, before: Any, after: Any) -> None:
        apply(getattr(message, name), before, after)

    return edit


def _collection(message: Any, _: Any, after: Any) -> None:
    """Put the collection's own name into a look-up."""
    setattr(message, "collection" if "collection" in _fields(message) else "collection_name", after)


def _corpus(message: Any, _: Any, after: Any) -> None:
    message.idf.corpus.CopyFrom(filtered(after["corpus"]))


def _update_filter(message: Any, _: Any, after: Any) -> None:
    message.update_filter.CopyFrom(filtered(after))


_EDITS: Final[Mapping[str, Callable[[Any, Any, Any], None]]] = {
    "filter": _filter,
    "update_filter": _update_filter,
    "points": _points,
    "payload": _payload,
    "ids": _ids,
    "limit": _number("limit"),
    "sample": _number("sample"),
    "group_size": _number("group_size"),
    "score_threshold": _number("score_threshold"),
    "with_payload": _with_payload,
    "with_vector": _without_vectors,
    "with_vectors": _without_vectors,
    "prefetch": _each("prefetch"),
    "searches": _searches,
    "operations": _operations,
    "params": _inner("params"),
    "lookup_from": _inner("lookup_from"),
    "with_lookup": _inner("with_lookup"),
    "collection": _collection,
    "idf": _corpus,
}
"""How each member that is ever narrowed is put back."""


# --- requests that become others ----------------------------------------------------------------------------------------


def scroll(message: Any, body: _Body) -> Any:
    """Return the scroll that a get has become."""
    made = messages.ScrollPoints(collection_name=message.collection_name, limit=body["limit"])
    for name in ("with_payload", "with_vectors", "read_consistency", "shard_key_selector"):
        if message.HasField(name):
            getattr(made, name).CopyFrom(getattr(message, name))
    if message.HasField("timeout"):
        made.timeout = message.timeout
    if not message.HasField("with_payload"):
        made.with_payload.enable = False
    if "with_vector" in body and not body["with_vector"]:
        made.with_vectors.enable = False
    made.filter.CopyFrom(filtered(body["filter"]))
    return made


def overwrite(message: Any, body: _Body) -> Any:
    """Return the overwriting of payloads that a clearing of them has become."""
    made = messages.SetPayloadPoints(collection_name=message.collection_name)
    for name in ("ordering", "shard_key_selector"):
        if message.HasField(name):
            getattr(made, name).CopyFrom(getattr(message, name))
    for name in ("wait", "timeout"):
        if message.HasField(name):
            setattr(made, name, getattr(message, name))
    made.points_selector.filter.CopyFrom(filtered(body["filter"]))
    _payload(made, None, body["payload"])
    return made
