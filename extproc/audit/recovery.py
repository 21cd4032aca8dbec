"""What must be done to a log after a crash: its end compared with the leaves that the last segment holds.

A leaf is written to the log only after its record is durable, so after any crash the log is a beginning of what the records
say, perhaps with zeros where the disk did not keep up. Anything else is not a crash's doing: leaves beyond the records are kept
(someone may have seen them) and leaves that differ are refused. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from extproc.errors import AuditError


class Recovered(msgspec.Struct, frozen=True, kw_only=True, tag="recovered"):
    """What opening found amiss and put right; all zero after an orderly stop.

    `torn` bytes of unfinished writes were dropped; `restored` leaves were completed from their records; `lost` leaves have no
    record any more, which no crash of this program explains.
    """

    torn: int = 0
    restored: int = 0
    lost: int = 0


class Completion(NamedTuple):
    """What to do: keep `good` bytes of the log, write `missing` behind them, which completes `restored` leaves.

    `lost` leaves lie beyond the last record; then nothing is missing.
    """

    good: int
    missing: bytes
    restored: int
    lost: int


class _Index(msgspec.Struct):
    index: int


def complete(log: bytes, leaves: Sequence[bytes], first: int) -> Completion:
    """Compare `log`, from the leaf `first` on, with the leaves of the records. Raises `AuditError` where they differ."""
    expected = b"".join([leaf + b"\n" for leaf in leaves])
    common = _common(log, expected)
    if common == len(expected):
        return _beyond(log, common, first + len(leaves))
    if common < len(log) and log[common] != 0:
        raise AuditError(f"the log differs from its segments at or after leaf {first}; it was changed from outside")
    return Completion(good=common, missing=expected[common:], restored=len(leaves) - log.count(b"\n", 0, common), lost=0)


def _beyond(log: bytes, common: int, following: int) -> Completion:
    """Keep whole leaves that have no record; drop what is not whole."""
    torn = log.find(b"\0", common)
    good = log.rfind(b"\n", common, len(log) if torn < 0 else torn) + 1 or common
    extra = log[common:good].splitlines()
    for index, line in enumerate(extra, following):
        try:
            found = msgspec.json.decode(line, type=_Index).index
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = -1
        if found != index:
            raise AuditError(f"the log has something else where leaf {index} should be; it was changed from outside")
    return Completion(good=good, missing=b"", restored=0, lost=len(extra))


def _common(one: bytes, other: bytes) -> int:
    """Return the length of the longest common beginning, by halving: both may be many megabytes."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
