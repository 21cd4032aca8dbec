"""Receipts: what a leaf says about the keys that were destroyed, and which entries of which log it accounts for. Pure.

A receipt is in the log before the first key is destroyed, so an entry whose key is gone and of which no receipt speaks was
tampered with. A leaf has no room for any number of entries; many make several receipts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

ACT: Final = "erase"
RETAIN: Final = "retain"
_MOST_CHARACTERS: Final = 30_000


def details(log: str, indexes: Sequence[int]) -> Iterator[dict[str, str]]:
    """Give the details of the receipts for the entries at `indexes`, in order and each once, of the log called `log`."""
    said = ""
    for first, last in _ranges(indexes):
        each = str(first) if first == last else f"{first}-{last}"
        if said and len(said) + len(each) >= _MOST_CHARACTERS:
            yield {"act": ACT, "log": log, "entries": said}
            said = ""
        said = f"{said},{each}" if said else each
    if said:
        yield {"act": ACT, "log": log, "entries": said}


def accounted(found: Iterable[Mapping[str, str]]) -> dict[str, list[range]]:
    """Return, for each log, the entries that receipts speak of; what is no receipt is passed over."""
    ranges: dict[str, list[range]] = {}
    for detail in found:
        if detail.get("act") == ACT:
            for each in detail.get("entries", "").split(","):
                first, _, last = each.partition("-")
                if first.isdecimal() and (last or first).isdecimal():
                    ranges.setdefault(detail.get("log", ""), []).append(range(int(first), int(last or first) + 1))
    return ranges


def retained(found: Iterable[Mapping[str, str]]) -> int:
    """Return the index from which on a log's private parts are kept, as receipts of its own say."""
    said = [detail.get("from", "") for detail in found if detail.get("act") == RETAIN]
    return max([int(each) for each in said if each.isdecimal()], default=0)


def _ranges(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    start = 0
    for at in range(1, len(indexes) + 1):
        if at == len(indexes) or indexes[at] != indexes[at - 1] + 1:
            yield indexes[start], indexes[at - 1]
            start = at
