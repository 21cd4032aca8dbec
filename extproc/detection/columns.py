"""The name of a column: what a table, or the statement that fills one, calls the values of a cell.

A row is told by its signs, a head by its cells, which are names. Only so much of the text above is looked at as a person would
scroll back, so the cost of a value does not grow with its text. Pure; it knows no kind of value.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_SIGNS: Final = (b"\t", b"|", b";", b",")
_ABOVE: Final = 4096
"""How far above a value the head of its column is looked for, in bytes."""
_RIGHT: Final = 256
_QUOTED: Final = re.compile(rb"\"[^\"\n]*\"|'[^'\n]*'(?=[ ]*[,;|)\t]|$)")
_NAME: Final = re.compile(rb"[ \"'*`\[]*[A-Za-z\x80-\xff][A-Za-z\x80-\xff _.#/()-]{0,31}[ \"'*`\]]*")
_RULE: Final = re.compile(rb"[ |:+=-]+")
_ENDING: Final = re.compile(rb"[.:;!?] +| - ")
_EDGE: Final = b" \"'`*[("
_EDGE_RIGHT: Final = b" \"'`*])"
_LONG: Final = re.compile(rb"[0-9]{3}")
"""What no name of a column has: it makes a row."""


class Column(NamedTuple):
    """The name of a value's column, and of all columns of its table, in order."""

    name: bytes
    names: tuple[bytes, ...]


def column(text: bytes, start: int, end: int) -> Column | None:
    """Return what the column is called in whose cell the value from `start` to `end` stands by itself."""
    low = max(0, start - _ABOVE)
    line = text.rfind(b"\n", low, start) + 1
    left = max(line, low)
    row = text[left:start]
    if not row.rstrip(_EDGE) or row.rstrip(_EDGE)[-1:] in _SIGNS:
        opened = row.rfind(b"(")
        if opened >= 0 and (found := _filled(text, left + opened, row[opened + 1 :])) is not None:
            return found
        if line:
            return _headed(text, line, row, text[end : end + _RIGHT].partition(b"\n")[0])
    return None


def _filled(text: bytes, opened: int, cells: bytes) -> Column | None:
    """Return the column by the list of names in a statement of SQL, where the bracket at `opened` begins a row."""
    low = max(0, opened - _ABOVE)
    values = max(text.rfind(b"VALUES", low, opened), text.rfind(b"values", low, opened))
    head = text[max(low, values - _RIGHT) : values].rstrip() if values >= 0 else b""
    if not head.endswith(b")"):
        return None
    return _at(head[head.rfind(b"(") + 1 : -1].split(b","), _plain(cells).count(b","))


def _headed(text: bytes, line: int, left: bytes, right: bytes) -> Column | None:
    """Return the column by the head of the table that the line beginning at `line` is a row of; `left` and `right` are around."""
    row = _plain(left + right)
    before = left.rstrip(_EDGE)[-1:]
    sign = (
        before if before in _SIGNS and before else next((each for each in _SIGNS if right.lstrip(_EDGE_RIGHT)[:1] == each), b"")
    )
    if not sign:
        return None
    at, width = _plain(left).count(sign), row.count(sign)
    for above in reversed(text[max(0, line - _ABOVE) : line - 1].split(b"\n")):
        cells = _last_words(above.rstrip(b"\r"), sign).split(sign)
        if _LONG.search(above, len(above) - sum(map(len, cells)) - len(cells)) is not None:
            continue
        if len(cells) == 1 and not _RULE.fullmatch(above):
            return None
        named = [each for each in cells if each.strip()]
        if len(named) > 1 and all(map(_NAME.fullmatch, named)) and all(cells[1:-1]):
            return _at(cells, at + max(0, len(cells) - 1 - width))
    return None


def _at(cells: list[bytes], index: int) -> Column | None:
    names = tuple(each.strip(b" \"'*`[]\r\n\t") for each in cells)
    return Column(names[index], names) if index < len(names) and names[index] else None


def _last_words(line: bytes, sign: bytes) -> bytes:
    """Return the end of a line that is a head: what a text says before its table stands before the first cell."""
    at = 0
    for ending in _ENDING.finditer(line, 0, max(0, line.find(sign, line.rfind(b" ") + 1))):
        at = ending.end()
    return line[at:]


def _plain(row: bytes) -> bytes:
    """Return a row without the signs that are quoted in it."""
    return _QUOTED.sub(lambda found: b"x" * len(found.group()), row)
