"""The name of a column: what a table, or the statement that fills one, calls the values of a cell.

A row is told by its signs, a head by its cells, which are names. Only so much of the text above is looked at as a person would
scroll back, so the cost of a value does not grow with its text. Pure; it knows no kind of value.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final, NamedTuple

import re2

from extproc.detection.expression import Expression

_ABOVE: Final = 4096
"""How far above a value the head of its column is looked for, in bytes."""
_NEAR: Final = 512
"""How far at first."""
_MOST: Final = 32
"""How many lines are taken for a head at most."""
_RIGHT: Final = 256
_QUOTED: Final = re.compile(rb"\"[^\"\n]*\"|'[^'\n]*'(?=[ ]*[,;|)\t]|$)")
_NAME: Final = re.compile(rb"[ \"'*`\[]*[A-Za-z\x80-\xff][0-9A-Za-z\x80-\xff _.#/()-]{0,31}[ \"'*`\]]*")
_ENDS: Final = "[.:;!?] +| - "
_ENDING: Final = re.compile(_ENDS.encode())
_EDGE: Final = b" \"'`*[("
_EDGE_RIGHT: Final = b" \"'`*])"
_SHORT: Final = r"(?:[0-9]{0,2}[^0-9\n])*"
_HEADS: Final = {
    sign: Expression(rf"(?:^|\n|{_ENDS})({_SHORT}{re2.escape(sign.decode())}{_SHORT}[0-9]{{0,2}})\n")
    for sign in (b"\t", b"|", b";", b",")
}
"""Lines, or ends of lines behind a sentence, that have a sign and no number of more than two digits: names of columns may be counted."""


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
    if not row.rstrip(_EDGE) or row.rstrip(_EDGE)[-1:] in _HEADS:
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
    before, after = left.rstrip(_EDGE)[-1:], right.lstrip(_EDGE_RIGHT)[:1]
    sign = before if before in _HEADS else after
    if sign not in _HEADS:
        return None
    at, width = _plain(left).count(sign), _plain(left + right).count(sign)
    for reach in (_NEAR, _ABOVE):
        head = _head(text, max(0, line - reach), line, sign, width + 1)
        if head is not None:
            return _at(head, at + max(0, len(head) - 1 - width))
        if line <= reach:
            break
    return None


def _head(text: bytes, low: int, line: int, sign: bytes, width: int) -> list[bytes] | None:
    """Return the cells of the head between `low` and `line`: the nearest, or the first of those that have `width` cells."""
    head: list[bytes] | None = None
    below, above = line, text[low:line]
    for start, end in reversed(list(islice(_HEADS[sign].every(above), _MOST))):
        rows = text[low + end + 1 : below]
        if b"\n\n" in rows or rows.count(sign) < rows.count(b"\n"):
            break
        cells = _last_words(above[start:end], sign).split(sign)
        named = [each for each in cells if each.strip()]
        if len(named) > 1 and all(map(_NAME.fullmatch, named)) and all(cells[1:-1]) and (head is None or len(cells) == width):
            head = cells
        below = low + start
    return head


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
