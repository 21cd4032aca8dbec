"""Payload values as they are in Qdrant's messages, seen as raw JSON: only those that are looked at are converted.

Messages are those of the official client, changed in place. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final

import msgspec

from extproc.errors import Malformed
from extproc.operation import Value
from extproc.protocols.ownership import UNREAD, Unread, Written
from extproc.protocols.qdrant_members import checked_id

_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.decode

NULL: Final = msgspec.Raw(b"null")


def choice(message: Any, oneof: str) -> tuple[str, Any]:
    """Return which member of a choice was made, and its value. Raises `Malformed`."""
    chosen = message.WhichOneof(oneof)
    if chosen is None:
        raise Malformed("a message leaves open what it is")
    return chosen, getattr(message, chosen)


def point_id(message: Any) -> int | str:
    """Return a point's id in its one spelling. Raises `Malformed`."""
    _, value = choice(message, "point_id_options")
    found: int | str = value
    return checked_id(found)


def plain(value: Any) -> Any:
    """Return what a Value message holds, as JSON has it."""
    kind = value.WhichOneof("kind")
    match kind:
        case "string_value" | "integer_value" | "double_value" | "bool_value":
            return getattr(value, kind)
        case "struct_value":
            return {name: plain(inner) for name, inner in value.struct_value.fields.items()}
        case "list_value":
            return [plain(inner) for inner in value.list_value.values]
        case _:
            return None


def put(value: Any, found: Any) -> None:
    """Make a Value message hold what JSON has."""
    match found:
        case None:
            value.null_value = 0
        case bool():
            value.bool_value = found
        case str():
            value.string_value = found
        case int():
            value.integer_value = found
        case float():
            value.double_value = found
        case list():
            value.list_value.Clear()
            value.list_value.SetInParent()
            for inner in found:
                put(value.list_value.values.add(), inner)
        case _:
            value.struct_value.Clear()
            value.struct_value.SetInParent()
            for name, inner in found.items():
                put(value.struct_value.fields[name], inner)


class Payload(MutableMapping[str, msgspec.Raw]):
    """The payload of one record, a map of Value messages, as a mapping of raw JSON; what is put into it goes into the map."""

    __slots__ = ("_map",)

    def __init__(self, values: Any) -> None:
        self._map = values

    def __getitem__(self, name: str) -> msgspec.Raw:
        # A map of messages makes an entry for whatever it is asked for.
        if name not in self._map:
            raise KeyError(name)
        value = self._map[name]
        return msgspec.Raw(_encode(value.string_value if value.HasField("string_value") else plain(value)))

    def __setitem__(self, name: str, raw: msgspec.Raw) -> None:
        put(self._map[name], _decode(raw))

    def __delitem__(self, name: str) -> None:
        del self._map[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __len__(self) -> int:
        return len(self._map)

    def __contains__(self, name: object) -> bool:
        return name in self._map


class Records:
    """Points that are written, each a message with a payload (`qdrant_form.Records`); the stamp goes in when they are sent."""

    __slots__ = ("messages", "stamp")

    def __init__(self, messages: Any, stamp: Mapping[str, Value] | None = None) -> None:
        self.messages = messages
        self.stamp = stamp or {}

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def ids(self) -> list[int | str]:
        """Return the points' ids."""
        return [point_id(each.id) for each in self.messages if "id" in each.DESCRIPTOR.fields_by_name]

    def written(self, fields: set[str]) -> Iterator[Written]:
        """Give what is written to each point's `fields`."""
        return (self._written(each, fields) for each in self.messages)

    def _written(self, message: Any, fields: set[str]) -> Written:
        found: dict[str, Value | Unread] = {}
        for name in fields:
            if name in self.stamp:
                found[name] = self.stamp[name]
                continue
            value = _at(message.payload, name.split("."))
            if value is not _ABSENT:
                found[name] = value
        return found

    def payloads(self) -> Iterator[Mapping[str, msgspec.Raw]]:
        """Give the payloads that are written, as raw JSON."""
        return (dict(Payload(each.payload)) for each in self.messages if "payload" in each.DESCRIPTOR.fields_by_name)

    def stamped(self, stamp: Mapping[str, Value]) -> Records:
        """Return the same points with the `stamp` to be put into them."""
        return Records(self.messages, stamp)

    def settle(self) -> None:
        """Put the stamp into every payload."""
        for message in self.messages if self.stamp else ():
            for name, value in self.stamp.items():
                _put(message.payload, name.split("."), value)


_ABSENT: Final = object()


def _at(fields: Any, steps: list[str]) -> Any:
    if steps[0] not in fields:
        return _ABSENT
    value = fields[steps[0]]
    kind = value.WhichOneof("kind")
    if len(steps) > 1 and kind == "struct_value":
        return _at(value.struct_value.fields, steps[1:])
    if kind in {"struct_value", "list_value"}:
        return UNREAD
    return _ABSENT if len(steps) > 1 else plain(value)


def _put(fields: Any, steps: list[str], found: Value) -> None:
    value = fields[steps[0]]
    if len(steps) == 1:
        put(value, found)
        return
    if value.WhichOneof("kind") != "struct_value":
        value.struct_value.SetInParent()
    _put(value.struct_value.fields, steps[1:], found)
