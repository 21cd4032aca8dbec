"""Request JSON, read so strictly that every parser which conforms reads the same from it.

What databases' parsers disagree about is refused: a key that comes twice at any depth, top-level keys that differ only in
letter case, NaN and Infinity, numbers beyond a double or a 64-bit integer, halves of surrogate pairs, bytes that are not UTF-8,
deep nesting. Members are handed out raw, so that each is read once, by whoever knows its form; vectors are never parsed. Each
refusal is `Malformed`; its message names the member and quotes nothing. It knows no database.
"""

from __future__ import annotations

import json
import math
import re
import string
from collections.abc import Collection
from typing import Any, Final, TypeVar

import msgspec

from extproc.errors import Malformed, Unsupported
from extproc.events import Request

DEEPEST: Final = 100
"""How deep a value may be nested; serde_json, for one, stops at 128."""

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1
_LARGEST_UNSIGNED: Final = 2**64 - 1
_LONGEST_VALUE: Final = 256 << 10
"""Bytes of a member that is read value by value (a filter, a rank): what a client writes by hand is far shorter."""

_PLAIN_JSON: Final = [b"application/json"]
_JSON: Final = re.compile(r'application/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?', re.IGNORECASE)
_LONGEST_SHOWN: Final = 64
_NUMBERS: Final = b"0123456789+-.eE[], \t\r\nnul"
_BASE64: Final = (string.ascii_letters + string.digits + '+/="[], \t\r\n').encode()

T = TypeVar("T")


class _Key:
    """A key of an object, equal to no other, so that a dict of them keeps a key that comes twice."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def _key(_: type, text: str) -> _Key:
    return _Key(text)


_OBJECT: Final = msgspec.json.Decoder(dict[_Key, msgspec.Raw], dec_hook=_key)
_OBJECTS: Final = msgspec.json.Decoder(list[dict[_Key, msgspec.Raw] | None], dec_hook=_key)


def require_json(request: Request) -> None:
    """Refuse a body that is, or may be taken to be, anything but plain JSON in UTF-8. Raises `Unsupported`."""
    head = request.head
    if any(value.strip().lower() != b"identity" for value in head.values("content-encoding")):
        raise Unsupported("the body must not be encoded")
    if request.body:
        kinds = head.values("content-type")
        if kinds != _PLAIN_JSON and (len(kinds) != 1 or _JSON.fullmatch(kinds[0].decode("latin-1")) is None):
            raise Unsupported("the content type must be application/json")


def members(body: bytes, opaque: Collection[str] = ()) -> dict[str, msgspec.Raw]:
    """Return the members of the object that `body` is, raw and in order. Raises `Malformed`.

    All of the body is checked: grammar, escapes, encoding, and the keys of this one object. Only the encoding of the `opaque`
    members is left to `vectors`, which admits none but ASCII.
    """
    try:
        found = _unique(_OBJECT.decode(body), "the body", fold=True)
        if not body.isascii():  # msgspec does not look into the strings that it passes over
            for name, raw in found.items():
                if name not in opaque:
                    bytes(raw).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Malformed("the body is not a JSON object") from None
    return found


def objects(raw: msgspec.Raw, member: str) -> list[dict[str, msgspec.Raw] | None]:
    """Return a list of objects or nulls with their members raw; for records' metadata, whose keys are free."""
    try:
        found = _OBJECTS.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Malformed(f"{shown(member)} is not a list of objects") from None
    return [None if pairs is None else _unique(pairs, shown(member)) for pairs in found]


def entries(raw: msgspec.Raw, member: str) -> dict[str, msgspec.Raw]:
    """Return the members of an object, raw and in order, of which none comes twice."""
    try:
        found = _OBJECT.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Malformed(f"{shown(member)} is not an object") from None
    return _unique(found, shown(member))


def typed(raw: msgspec.Raw, decoder: msgspec.json.Decoder[T], member: str) -> T:
    """Return the value of a member whose form holds no object, read by its `decoder`."""
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Malformed(f"{shown(member)} is not of the form that it must have") from None


def value(raw: msgspec.Raw, member: str, *, unsigned: bool = False) -> Any:
    """Return the value of a member of any form, every object and number in it checked; it may not be very long.

    Whole numbers are within 63 bits and a sign; where they may be `unsigned`, within 64 bits.
    """
    text = bytes(raw)
    if len(text) > _LONGEST_VALUE:
        raise Malformed(f"{shown(member)} is longer than {_LONGEST_VALUE >> 10} KiB")
    try:
        found = (_UNSIGNED if unsigned else _STRICT).decode(text.decode())
    except (ValueError, RecursionError):
        raise Malformed(f"{shown(member)} holds a key twice, a number out of range, or too many levels") from None
    _check_depth(found, member)
    return found


def vectors(raw: msgspec.Raw, member: str) -> int:
    """Return how many vectors a member holds, which is not parsed: lists of numbers, or strings of base64.

    The grammar is known to be right (`members`), so an alphabet without braces and escapes leaves nothing but lists of
    numbers, or of plain strings; nothing in them can bear on a decision.
    """
    text = bytes(raw)
    strings = text.count(b'"') // 2
    if not text.startswith(b"[") or text.translate(None, _BASE64 if strings else _NUMBERS):
        raise Malformed(f"{shown(member)} is not a list of vectors")
    lists = text.count(b"[") - 1
    if strings and lists:  # whoever counts the one would miss the other
        raise Malformed(f"{shown(member)} holds vectors of two kinds")
    return strings or lists


def numbers(raw: msgspec.Raw, member: str) -> None:
    """Refuse a member that is not made of lists and numbers alone; it is not parsed."""
    text = bytes(raw)
    if not text.startswith(b"[") or text.translate(None, _NUMBERS):
        raise Malformed(f"{shown(member)} is not a vector")


def finite(raw: msgspec.Raw) -> bool:
    """Return whether a number, which is left raw, is within a double."""
    return math.isfinite(float(bytes(raw)))


def shown(name: str) -> str:
    """Return a client's name for something as messages may quote it: printable and short."""
    return repr(name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…")


def _unique(pairs: dict[_Key, msgspec.Raw], where: str, *, fold: bool = False) -> dict[str, msgspec.Raw]:
    found = {key.text: raw for key, raw in pairs.items()}
    if len(found) != len(pairs) or (fold and len({name.casefold() for name in found}) != len(pairs)):
        raise Malformed(f"a key comes twice in {where}", code="key_duplicate")
    return found


def _check_depth(found: Any, member: str) -> None:
    """Refuse what later readers, which go by recursion, could not follow. Itself without recursion."""
    level = [found]
    for _ in range(DEEPEST):
        level = [inner for outer in level if isinstance(outer, (list, dict)) for inner in _inside(outer)]
        if not level:
            return
    raise Malformed(f"{shown(member)} is nested too deep")


def _inside(outer: list[Any] | dict[str, Any]) -> Any:
    return outer.values() if isinstance(outer, dict) else outer


# --- hooks of the standard library's parser, which is the one that can be told everything -------------------------------


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key comes twice"
        raise ValueError(message)
    return found


def _whole(text: str, largest: int = _LARGEST) -> int | float:
    number = int(text)
    if not _SMALLEST <= number <= largest:
        message = "beyond 64 bits"
        raise ValueError(message)
    # "-0" is a float to serde and 0 to others; as -0.0 it is the same to all.
    return -0.0 if text == "-0" else number


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        message = "beyond a double"
        raise ValueError(message)
    return number


def _unsigned(text: str) -> int | float:
    return _whole(text, _LARGEST_UNSIGNED)


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole, parse_float=_number)
_UNSIGNED: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=_unsigned, parse_float=_number)
