"""Erasing: the keys and salts of chosen entries destroyed for good, with receipts that say so.

What was encrypted under a destroyed key can be read by nobody any more; the leaves, and every proof about them, stay as they
are, because nothing personal is in them but commitments, whose salts are gone as well. A receipt is durable before the first
key goes, so a crash in between leaves entries that are still there and a receipt that says they are not: erase again.

Copies of the key files elsewhere keep the keys; that is for whoever makes them. Who may erase is decided elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from extproc.audit import reader, receipts, segments
from extproc.audit.entry import Entry, Private
from extproc.audit.files import Files
from extproc.audit.journal import Place
from extproc.audit.leaf import Leaf
from extproc.audit.reader import Opened
from extproc.audit.sealing import ERASED, SLOT_BYTES
from extproc.errors import AuditError
from extproc.secret import Secret


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose entries, or which: what is said must all be so. At least one member is given.

    `principal` is ``issuer#subject``, `person` what tells people apart, `record` the id of a record, looked for in what was
    recorded of `database` and `collection`, `worker` and `index` one entry alone.
    """

    principal: str | None = None
    person: str | None = None
    record: str | None = None
    database: str | None = None
    collection: str | None = None
    worker: str | None = None
    index: int | None = None

    def __post_init__(self) -> None:
        if self.principal is None and self.person is None and self.record is None and self.index is None:
            raise AuditError("say whose entries: a principal, a person, a record or one entry", code="subject_missing")
        if (self.index is None) != (self.worker is None):
            raise AuditError("one entry is said by worker and index", code="subject_missing")

    def meets(self, leaf: Leaf, opened: Opened) -> bool:
        """Whether this entry is the subject's."""
        who = opened.private.principal
        return (
            (self.index is None or self.index == leaf.index)
            and (self.principal is None or (who is not None and who.id == self.principal))
            and (self.person is None or (who is not None and who.person == self.person))
            and (self.database is None or leaf.database == self.database)
            and (self.collection is None or any(fact.collection == self.collection for fact in leaf.facts))
            and (self.record is None or (opened.recording is not None and _holds(opened.recording.body, self.record)))
        )


class Log(Protocol):
    """Where receipts go."""

    async def append(self, entry: Entry) -> int:
        """Make `entry` durable. Raises `AuditError`."""


def find(directory: Path, sealing_key: Secret, subject: Subject) -> dict[str, list[int]]:
    """Return the indexes of the subject's entries in each worker's log, without those that are erased. Raises `AuditError`."""
    found: dict[str, list[int]] = {}
    for worker in reader.workers(directory) if subject.worker is None else [subject.worker]:
        indexes = [
            leaf.index
            for leaf, opened in reader.read_entries(directory, worker, sealing_key)
            if opened is not None and subject.meets(leaf, opened)
        ]
        if indexes:
            found[worker] = indexes
    return found


async def erase(
    directory: Path,
    found: Mapping[str, list[int]],
    *,
    log: Log,
    origin: str,
    private: Private,
    clock: Callable[[], int],
    files: Files | None = None,
) -> int:
    """Erase the entries at these indexes; return how many. `private` says in the receipts by whom and why.

    The logs are called ``<origin>/<worker>``. Raises `AuditError` where a receipt or a key cannot be written: then what was
    not erased yet is still there, and can be erased again.
    """
    for worker, indexes in found.items():
        for detail in receipts.details(f"{origin}/{worker}", indexes):
            await log.append(Entry(kind="administration", time_ns=clock(), detail=detail, private=private))
    for worker, indexes in found.items():
        try:
            _destroy(Place.of(directory, worker).private, indexes, files or Files())
        except OSError as error:
            raise AuditError(f"the keys of {worker} cannot be overwritten: {error.strerror}") from error
    return sum(map(len, found.values()))


def _destroy(folder: Path, indexes: list[int], files: Files) -> None:
    firsts = segments.firsts(folder)
    for first, following in zip(firsts, [*firsts[1:], None], strict=False):
        wanted = [index for index in indexes if first <= index and (following is None or index < following)]
        if wanted:
            descriptor = files.open(folder / segments.name(first, "keys"), durable=True)
            try:
                for index in wanted:
                    files.write(descriptor, ERASED, (index - first) * SLOT_BYTES)
            finally:
                os.close(descriptor)


def _holds(body: bytes, text: str) -> bool:
    """Whether a JSON document holds this very text as a value; one that is no JSON does where the bytes are in it."""
    if text.encode() not in body and "\\" not in body.decode("latin-1"):
        return False
    try:
        return any(each == text for each in _strings(msgspec.json.decode(body)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return True


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _strings(each)
        case list():
            for each in value:
                yield from _strings(each)
