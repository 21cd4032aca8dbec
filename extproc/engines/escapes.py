r"""Keep escapes out of the Rego library, which computes with the escaped text of a JSON string.

To the library the string of a line feed and an ``n`` counts three characters, a part of it can end in a lone backslash, and
``"\u0061"`` is not ``"a"``. So what JSON must escape (the quote, the backslash, control characters) goes in as one private-use
character each, in input, data and policy alike, and is put back in what comes out. Every builtin on the allow-list treats
characters alike, so to a policy nothing shows. Text that already holds one of these private-use characters is refused.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_BASE: Final = 0xF0000  # plane 15, which is for private use (The Unicode Standard, section 23.5)
_ESCAPED: Final = (*range(0x20), 0x22, 0x5C)
_OUT: Final = {code: chr(_BASE + code) for code in _ESCAPED}
_BACK: Final = {_BASE + code: chr(code) for code in _ESCAPED}
_PRIVATE: Final = re.compile(f"[{''.join(_OUT.values())}]")
_PRIVATE_START: Final = chr(_BASE).encode()[:2]  # what the UTF-8 forms of all of them begin with
_ESCAPE: Final = re.compile(rb'\\(?:u00([01][0-9a-f])|(["\\bfnrt]))')
_SHORT: Final = {b'"': 0x22, b"\\": 0x5C, b"b": 8, b"f": 12, b"n": 10, b"r": 13, b"t": 9}


def veil_json(document: bytes) -> bytes:
    """Return a JSON document, as `msgspec` writes it, without any escape. Raises `ValueError` on private-use characters."""
    if _PRIVATE_START in document and _PRIVATE.search(document.decode()):
        message = "a string holds a private-use character"
        raise ValueError(message)
    return _ESCAPE.sub(_veiled, document) if b"\\" in document else document


def unveil_json(document: bytes) -> bytes:
    """Return a JSON document with the characters that `veil_json` took out."""
    if _PRIVATE_START not in document:
        return document
    return _PRIVATE.sub(lambda found: json.dumps(_BACK[ord(found[0])])[1:-1], document.decode()).encode()


def veil_text(text: str) -> str:
    """Return a plain string without what JSON must escape. Raises `ValueError` on private-use characters."""
    if _PRIVATE.search(text):
        message = "a string holds a private-use character"
        raise ValueError(message)
    return text.translate(_OUT)


def veil_value(value: Any) -> Any:
    """Return a JSON value with every string in it veiled, keys included."""
    match value:
        case str():
            return veil_text(value)
        case list():
            return [veil_value(item) for item in value]
        case dict():
            return {veil_text(key): veil_value(item) for key, item in value.items()}
        case _:
            return value


def veil_literal(escaped: str) -> str:
    """Return a string constant of a compiled plan, which is escaped text with or without its quotes, veiled."""
    quoted = len(escaped) > 1 and escaped[0] == escaped[-1] == '"'
    veiled = veil_text(json.loads(escaped if quoted else f'"{escaped}"'))
    return f'"{veiled}"' if quoted else veiled


def _veiled(found: re.Match[bytes]) -> bytes:
    code = int(found[1], 16) if found[1] else _SHORT[found[2]]
    return _OUT[code].encode()
