"""All that is on record, read once from the first entry to the last: leaves, and private parts with the sealing key.

For those who look at many entries (reports, replays); `reader` is for one. It reads segments as they lie on the disk, holds no
more than one record at a time, needs no lock, and may read while a worker writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from extproc.audit import segments
from extproc.audit.entry import Private
from extproc.audit.journal import Place
from extproc.audit.leaf import Leaf
from extproc.audit.reader import workers
from extproc.audit.sealing import Sealer, Wrapper
from extproc.errors import AuditError
from extproc.secret import Secret

_LEAF: Final = msgspec.json.Decoder(Leaf)
_DAMAGED: Final = "entry_unreadable"


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. Of what is not there `missing` says why: ``entry_erased`` or ``entry_unreadable``."""

    leaf: Leaf | None = None
    private: Private | None = None
    missing: str = ""


def size(directory: Path) -> int:
    """Return how many bytes a recall of everything goes through."""
    return sum(path.stat().st_size for path in (directory / "private").glob("*/*.seal"))


def recall(
    directory: Path,
    sealing_key: Secret,
    *,
    since: str = "",
    wanted: Callable[[Leaf], bool] = lambda _: True,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[Recalled]:
    """Give the entries of all workers, one worker after the other, each in the order of its log.

    `since` is a time as leaves have it; entries before it, and those whose leaf is not `wanted`, are left out unopened.
    `advance` is told of each stretch of bytes that was gone through. Raises `AuditError` where files cannot be read.
    """
    for worker in workers(directory):
        folder = Place.of(directory, worker).private
        wrapper, sealer = Wrapper(sealing_key, worker), Sealer(worker)
        try:
            for first, stored in _stored(folder, since, advance):
                found = _recalled(stored, first, wrapper, sealer, lambda leaf: leaf.time >= since and wanted(leaf))
                if found is not None:
                    yield found
        except OSError as error:
            raise AuditError(f"the files of {worker} cannot be read: {error.strerror}", code=_DAMAGED) from error


def _stored(folder: Path, since: str, advance: Callable[[int], None]) -> Iterator[tuple[int, segments.Stored]]:
    """Give the records of a worker's segments; a segment that ends before `since` is passed over."""
    firsts = segments.firsts(folder)
    for first, following in zip(firsts, (*firsts[1:], None), strict=True):
        whole = (folder / segments.name(first, "seal")).stat().st_size
        done = 0
        if following is None or not since or _begins(folder, following) >= since:
            for index, stored in enumerate(segments.walk(folder, first), first):
                advance(stored.end - done)
                done = stored.end
                yield index, stored
        advance(whole - done)


def _begins(folder: Path, first: int) -> str:
    """Return when the first entry of a segment was written; an unreadable one, later than anything."""
    stored = next(segments.walk(folder, first), None)
    leaf = _leaf(stored) if stored is not None else None
    return leaf.time if leaf is not None else "~"


def _leaf(stored: segments.Stored) -> Leaf | None:
    try:
        return _LEAF.decode(stored.record.leaf) if stored.record is not None else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _recalled(
    stored: segments.Stored, index: int, wrapper: Wrapper, sealer: Sealer, wanted: Callable[[Leaf], bool]
) -> Recalled | None:
    leaf = _leaf(stored)
    if leaf is None or stored.record is None:
        return Recalled(missing=_DAMAGED)
    if not wanted(leaf):
        return None
    try:
        key = wrapper.key(stored.slot, index)
        return Recalled(leaf=leaf, private=sealer.open_private(stored.record.private, key, index).private)
    except AuditError as error:
        return Recalled(leaf=leaf, missing=error.code)
