"""Values found inside the text of a field, each replaced by what its operator puts in its place; the rest byte for byte.

A text is searched as it reads, with its escapes undone, and what is found is replaced in its JSON, so that no escape hides a
value and none that stands beside one is spelt anew. Numbers are searched as they read as well. Pure; it knows no engine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final

import msgspec

from extproc.decision import Operator, stronger
from extproc.detection.detector import Detector
from extproc.detection.finding import Finding
from extproc.obligations.operators import NULL, Constant, Derived, Dropped, Veil, plain

_ESCAPE: Final = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_text: Final = msgspec.json.Decoder(str).decode
_encode: Final = msgspec.json.encode


@dataclass(frozen=True, slots=True, eq=False)
class Sieve:
    """What is searched for in one field, and what is done with each kind of value.

    `drop` and `null` take away the field, or its value, in which something is found: a part of a text cannot be null.
    """

    detector: Detector
    operators: Mapping[str, Operator]
    veils: Mapping[Operator, Veil]

    def sifted(self, raw: msgspec.Raw, path: str, found: dict[str, int]) -> msgspec.Raw | None:
        """Return a text or number with what is found in it hidden, itself where nothing is; None where the field goes.

        What is found is counted in `found` by its entity.
        """
        encoded = bytes(raw)
        written = encoded[1:-1] if encoded[:1] == b'"' else _number(raw)
        if b"\\" in written:
            text = _text(raw).encode()
        else:
            text = written
            if not text.isascii():
                text.decode()  # what is no UTF-8 could be read in some way in which it was not searched
        findings = self.detector.findings(text)
        if not findings:
            return raw
        for each in findings:
            found[each.type] = found.get(each.type, 0) + 1
        match self.veils[self._strongest(findings)]:
            case Dropped():
                return None
            case Constant(value=value) if value == NULL:
                return NULL
        return msgspec.Raw(b'"%b"' % self._replaced(written, text, findings, path))

    def strongest(self, raw: msgspec.Raw, found: Counter[str]) -> Operator | None:
        """Return the strongest operator of all that is found anywhere in a value of any form; None where nothing is."""
        findings = [each for text in _texts(msgspec.json.decode(raw)) for each in self.detector.findings(text)]
        found.update(each.type for each in findings)
        return self._strongest(findings) if findings else None

    def _strongest(self, findings: list[Finding]) -> Operator:
        operators = {self.operators[each.type] for each in findings}
        return operators.pop() if len(operators) == 1 else reduce(stronger, operators)

    def _replaced(self, written: bytes, text: bytes, findings: list[Finding], path: str) -> bytes:
        """Return the inside of a JSON string: `written`, which reads `text`, with each finding replaced."""
        places = [place for each in findings for place in (each.start, each.end)]
        if written is not text:
            places = _in_json(written, places)
        parts, at = [], 0
        for index, each in enumerate(findings):
            parts.append(written[at : places[2 * index]])
            parts.append(self._stand_in(each.type, text[each.start : each.end], path))
            at = places[2 * index + 1]
        return b"".join((*parts, written[at:]))

    def _stand_in(self, entity: str, value: bytes, path: str) -> bytes:
        match self.veils[self.operators[entity]]:
            case Derived(make=make):
                return bytes(make(msgspec.Raw(_encode(value.decode())), path))[1:-1]
            case _:
                return f"[{entity}]".encode()


def _number(raw: msgspec.Raw) -> bytes:
    """Return the digits of a number as they would be written: a card is no power of ten."""
    return _encode(plain(msgspec.json.decode(raw)))


def _texts(value: object) -> list[bytes]:
    """Return every text and number in a JSON value, names of members too."""
    match value:
        case str():
            return [value.encode()]
        case bool() | None:
            return []
        case int() | float():
            return [_encode(plain(value))]
        case list():
            return [text for item in value for text in _texts(item)]
        case dict():
            return [text for pair in value.items() for item in pair for text in _texts(item)]
        case _:
            message = "no JSON value"
            raise ValueError(message)


def _in_json(written: bytes, places: list[int]) -> list[int]:
    """Return where `places` of a text, which rise, stand in its JSON `written`. Counted in bytes."""
    found: list[int] = []
    json_at = text_at = 0
    for escape in _ESCAPE.finditer(written):
        before = escape.start() - json_at
        while len(found) < len(places) and places[len(found)] <= text_at + before:
            found.append(json_at + places[len(found)] - text_at)
        text_at += before + len(_text(b'"%b"' % escape.group()).encode())
        json_at = escape.end()
    return found + [json_at + place - text_at for place in places[len(found) :]]
