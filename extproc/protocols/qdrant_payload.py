"""Payloads as a row filter and a stamp look at them: fields by their path, values raw JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from extproc.operation import Value
from extproc.protocols.ownership import UNREAD, Unread, Written

Payload = dict[str, msgspec.Raw]

_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NOT_PLAIN: Final = frozenset(b"[{")
_ABSENT: Final = object()


def written(payload: Payload | None, fields: set[str]) -> Written:
    """Return what is written to those of `fields` that `payload` has; what is no plain value is unread."""
    found: dict[str, Value | Unread] = {}
    for name in fields:
        value = _at(payload or {}, name.split("."))
        if value is not _ABSENT:
            found[name] = value
    return found


def _at(payload: Payload, steps: list[str]) -> Any:
    raw = payload.get(steps[0])
    if raw is None:
        return _ABSENT
    start = bytes(raw)[0]
    if len(steps) > 1 and start == ord("{"):
        return _at(_object(raw), steps[1:])
    if start in _NOT_PLAIN:
        return UNREAD
    return _ABSENT if len(steps) > 1 else msgspec.json.decode(raw)


def stamped(payload: Payload | None, stamp: Mapping[str, Value]) -> Payload:
    """Return `payload` with the `stamp` in it, whatever it held in the stamp's fields."""
    found = dict(payload or {})
    for name, value in stamp.items():
        _put(found, name.split("."), value)
    return found


def _put(payload: Payload, steps: list[str], value: Value) -> None:
    key = steps[0]
    if len(steps) == 1:
        payload[key] = msgspec.Raw(msgspec.json.encode(value))
        return
    below = payload.get(key)
    inner = _object(below) if below is not None and bytes(below)[:1] == b"{" else {}
    _put(inner, steps[1:], value)
    payload[key] = msgspec.Raw(msgspec.json.encode(inner))
