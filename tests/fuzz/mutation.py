"""How inputs are changed so that the change gets past the parser: JSON as a tree, YAML as lines, messages one by one.

A mutator takes an input, the largest size that it may have, a seed, and the plain mutator of bytes, which it uses for the
inside of a string, for a message, and now and then for the whole. What it cannot read it leaves to that. Nothing here knows
what an input means.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from fuzz.framing import joined, split
from fuzz.tokens import JSON, YAML

Bytes = Callable[[bytes, int], bytes]
"""Changes bytes somehow; the second argument is the largest size."""

Mutator = Callable[[bytes, int, int, Bytes], bytes]

_PLAIN_CHANCE = 0.2
"""How often bytes are changed without regard to their form: parsers must be fed with what is broken, too."""

_MOST_STEPS = 4


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - of inputs, not of secrets


class _Pairs(list[list[Any]]):
    """An object, as pairs: a key may come twice."""


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


_TREE = json.JSONDecoder(object_pairs_hook=lambda pairs: _Pairs(map(list, pairs)), parse_int=_Number, parse_float=_Number)


def tree(data: bytes, most: int, seed: int, plain: Bytes) -> bytes:
    """Change a JSON document, which may stand behind a head and an empty line."""
    chance = _chance(seed)
    head, gap, body = data.rpartition(b"\n\n")
    if chance.random() < _PLAIN_CHANCE:
        return plain(data, most)
    if head and chance.random() < _PLAIN_CHANCE:
        return plain(head, max(len(head), 64)) + gap + body
    try:
        root = [_TREE.decode(body.decode("utf-8", "surrogatepass"))]
        for _ in range(chance.randint(1, _MOST_STEPS)):
            _change(root, chance, plain)
        written = "".join(_written(root[0], escaped=chance.random() < _PLAIN_CHANCE))
    except (ValueError, RecursionError):
        return plain(data, most)
    changed = head + gap + written.encode("utf-8", "surrogatepass")
    return changed if len(changed) <= most else plain(data, most)


def _change(root: list[Any], chance: random.Random, plain: Bytes) -> None:
    """Change one place of a tree."""
    places = list(_places(root))
    holder, index = chance.choice(places)
    node = holder[index]
    match chance.randrange(9):
        case 0:
            holder[index] = _token(chance)
        case 1:
            other, where = chance.choice(places)
            holder[index] = _copied(other[where])
        case 2 if isinstance(node, (list, _Pairs)) and node:
            node.pop(chance.randrange(len(node)))
        case 3 if isinstance(node, (list, _Pairs)) and node:
            node.insert(chance.randrange(len(node) + 1), _copied(chance.choice(node)))  # in an object: the same key again
        case 4 if isinstance(node, _Pairs):
            node.append([chance.choice(JSON.keys), _token(chance)])
        case 4 if isinstance(node, list):
            node.append(_token(chance))
        case 5:
            holder[index] = [node] if chance.random() < 0.5 else _Pairs([[chance.choice(JSON.keys), node]])
        case 6 if isinstance(node, _Pairs) and node:
            chance.choice(node)[0] = chance.choice(JSON.keys)
        case 7 if isinstance(node, (list, _Pairs)) and node:
            chance.shuffle(node)
        case _ if isinstance(node, str):
            text = plain(node.encode("utf-8", "surrogatepass"), len(node) * 4 + 16).decode("utf-8", "replace")
            holder[index] = type(node)(text) if text else type(node)("0")
        case _:
            holder[index] = _token(chance)


def _token(chance: random.Random) -> Any:
    return _TREE.decode(chance.choice(JSON.values))


def _places(root: list[Any]) -> Iterator[tuple[list[Any], int]]:
    """Give every place that holds a value, as (list, index): a value of an object is the second of its pair."""
    waiting: list[tuple[list[Any], int]] = [(root, 0)]
    while waiting:
        holder, index = waiting.pop()
        yield holder, index
        match holder[index]:
            case _Pairs() as pairs:
                waiting += [(pair, 1) for pair in pairs]
            case list() as items:
                waiting += [(items, each) for each in range(len(items))]


def _copied(node: Any) -> Any:
    return type(node)(map(_copied, node)) if isinstance(node, list) else node


def _written(node: Any, *, escaped: bool) -> Iterator[str]:
    match node:
        case _Number():
            yield str(node)
        case _Pairs():
            yield "{"
            for index, (key, value) in enumerate(node):
                yield f"{',' if index else ''}{json.dumps(key, ensure_ascii=escaped)}:"
                yield from _written(value, escaped=escaped)
            yield "}"
        case list():
            yield "["
            for index, item in enumerate(node):
                yield "," if index else ""
                yield from _written(item, escaped=escaped)
            yield "]"
        case _:
            yield json.dumps(node, ensure_ascii=escaped)


def lines(data: bytes, most: int, seed: int, plain: Bytes) -> bytes:
    """Change a text in which lines and their indentation matter."""
    chance = _chance(seed)
    rows = data.split(b"\n")
    for _ in range(chance.randint(1, _MOST_STEPS)):
        at = chance.randrange(len(rows))
        name, colon, rest = rows[at].partition(b":")
        match chance.randrange(7):
            case 0:
                rows.insert(chance.randrange(len(rows) + 1), chance.choice(rows))
            case 1 if len(rows) > 1:
                rows.pop(at)
            case 2:
                rows[at] = b" " * chance.choice((0, 2, 4, 6, 8)) + rows[at].lstrip()
            case 3 if colon:
                rows[at] = name + b": " + chance.choice(YAML)
            case 4:
                rows.insert(at, b" " * chance.choice((0, 2, 4)) + chance.choice(YAML) + b": " + chance.choice(YAML))
            case 5 if rest:
                rows[at] = name + colon + plain(rest, len(rest) + 32)
            case _:
                return plain(data, most)
    changed = b"\n".join(rows)
    return changed if len(changed) <= most else plain(data, most)


def frames(data: bytes, most: int, seed: int, plain: Bytes) -> bytes:
    """Change a sequence of messages: their order, their number, or the bytes of one."""
    chance = _chance(seed)
    messages = list(split(data))
    if not messages or chance.random() < _PLAIN_CHANCE:
        return plain(data, most)
    at = chance.randrange(len(messages))
    match chance.randrange(5):
        case 0:
            messages.insert(at, chance.choice(messages))
        case 1 if len(messages) > 1:
            messages.pop(at)
        case 2:
            chance.shuffle(messages)
        case _:
            messages[at] = plain(messages[at], max(len(messages[at]) * 2, 64))
    changed = joined(messages)
    return changed if len(changed) <= most else plain(data, most)
