"""Erasing: the keys and salts of chosen entries destroyed for good, with receipts that say so.

What was encrypted under a destroyed key can be read by nobody any more; the leaves, and every proof about them, stay as they
are, because nothing personal is in them but commitments, whose salts are gone as well. A receipt is durable before the first
key goes, so a crash in between leaves entries that are still there and a receipt that says they are not: erase again.

A log may be open for writing meanwhile: its writer puts slots only behind the last entry, and these are of entries that exist.
Copies of the key files elsewhere keep the keys; that is for whoever makes them. Who may erase is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from extproc.administration import Target
from extproc.audit import reader, receipts, segments
from extproc.audit.entry import Entry, Private
from extproc.audit.files import Files
from extproc.audit.journal import Place
from extproc.audit.leaf import Leaf
from extproc.audit.reader import Opened
from extproc.audit.sealing import ERASED, SLOT_BYTES
from extproc.errors import AuditError
from extproc.secret import Secret


class _Asked(msgspec.Struct, frozen=True):
    target: Target


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose entries, or which: what is said must all be so. At least one member is given.

    `principal` is ``issuer#subject``, `person` what tells people apart, `record` the id of a record, looked for in what came
    back and what was recorded of `database` and `collection`, `exchange` that of a recording, `worker` and `index` one entry
    alone. Whoever acted on somebody, or claimed to be them, named them: these entries are theirs too.
    """

    principal: str | None = None
    person: str | None = None
    record: str | None = None
    exchange: str | None = None
    database: str | None = None
    collection: str | None = None
    worker: str | None = None
    index: int | None = None

    def __post_init__(self) -> None:
        if all(each is None for each in (self.principal, self.person, self.record, self.exchange, self.index)):
            raise AuditError("say whose entries: a principal, a person, a record or one recording", code="subject_missing")
        if (self.index is None) != (self.worker is None):
            raise AuditError("one entry is said by worker and index", code="subject_missing")

    def meets(self, leaf: Leaf, opened: Opened) -> bool:
        """Whether this entry is the subject's."""
        if leaf.kind == "administration" and any(self.named_by(each) for each in _targets(opened.private)):
            return True
        return (
            (self.index is None or self.index == leaf.index)
            and (self.exchange is None or self.exchange == leaf.exchange)
            and (self.principal is None or self.principal in _principals(opened.private))
            and (self.person is None or self.person in _persons(opened.private))
            and (self.database is None or leaf.database == self.database)
            and (self.collection is None or any(fact.collection == self.collection for fact in leaf.facts))
            and (self.record is None or _tells(opened, self.record))
        )

    def named_by(self, target: Target) -> bool:
        """Whether an act on `target` names the subject, so that what is on record of the act does."""
        named = [target.id in {self.principal, f"principal:{self.principal}"}] if self.principal is not None else []
        if self.person is not None:
            named.append(target.person == self.person or target.id == f"person:{self.person}")
        if self.record is not None:
            named.append(target.id == f"record:{self.record}")
        return bool(named) and all(named)


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
    exchange: str = "",
    files: Files | None = None,
) -> int:
    """Erase the entries at these indexes; return how many. `private` says in the receipts by whom and why, asked in `exchange`.

    The logs are called ``<origin>/<worker>``. Raises `AuditError` where a receipt or a key cannot be written: then what was
    not erased yet is still there, and can be erased again.
    """
    for worker, indexes in found.items():
        for detail in receipts.details(f"{origin}/{worker}", indexes):
            entry = Entry(kind="administration", time_ns=clock(), exchange=exchange, detail=detail, private=private)
            await log.append(entry)
    for worker, indexes in found.items():
        try:
            await asyncio.to_thread(_destroy, Place.of(directory, worker).private, indexes, files or Files())
        except OSError as error:
            raise AuditError(f"the keys of {worker} cannot be overwritten: {error.strerror}") from error
    return sum(map(len, found.values()))


def destroyed(directory: Path, worker: str, ranges: list[range]) -> Iterator[int]:
    """Give the indexes in `ranges` whose keys are zeros. Raises `AuditError`."""
    folder = Place.of(directory, worker).private
    for first in segments.firsts(folder):
        try:
            slots = (folder / segments.name(first, "keys")).read_bytes()
        except OSError as error:
            raise AuditError(f"the keys of {worker} cannot be read: {error.strerror}") from error
        for wanted in ranges:
            for index in range(max(first, wanted.start), min(first + len(slots) // SLOT_BYTES, wanted.stop)):
                if slots.startswith(ERASED, (index - first) * SLOT_BYTES):
                    yield index


def plain(record: msgspec.Raw) -> str:
    """Return the id of a record, which is JSON text or a number, as people write it."""
    found = msgspec.json.decode(record)
    return found if isinstance(found, str) else bytes(record).decode()


def _destroy(folder: Path, indexes: list[int], files: Files) -> None:
    firsts = segments.firsts(folder)
    for first, following in zip(firsts, [*firsts[1:], None], strict=False):
        wanted = [index for index in indexes if first <= index and (following is None or index < following)]
        path = folder / segments.name(first, "keys")
        if wanted and path.exists():  # else it was removed because it is old, a moment ago
            descriptor = files.open(path, durable=False)
            try:
                for index in wanted:
                    files.write(descriptor, ERASED, (index - first) * SLOT_BYTES)
                files.sync(descriptor)
            finally:
                os.close(descriptor)


def _targets(private: Private) -> Iterator[Target]:
    for raw in private.inputs:
        try:
            yield msgspec.json.decode(raw, type=_Asked).target
        except msgspec.MsgspecError:
            continue


def _principals(private: Private) -> set[Any]:
    """Return the ids of those who an entry says acted, or claimed to."""
    who, claimed = private.principal, private.claimed or {}
    known = {who.id, who.actor} if who else set()
    return known | {f"{claimed.get('iss')}#{claimed.get('sub')}"}


def _persons(private: Private) -> set[Any]:
    who, claimed = private.principal, private.claimed or {}
    return ({who.person} if who else set()) | {each for each in claimed.values() if isinstance(each, str)}


def _tells(opened: Opened, record: str) -> bool:
    """Whether this record came back, or stands in what was recorded."""
    if any(plain(each) == record for ids in opened.private.returned for each in ids):
        return True
    recording = opened.recording
    return recording is not None and (
        any(record in ids for ids in recording.records.values()) or _holds(recording.body, record)
    )


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
