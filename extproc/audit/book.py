"""The book: entries in, indexes out; what it has given an index for is on the disk. Blocking; for one thread.

A batch of entries is sealed and goes to the disk in one durable write. An entry that could not be written, or of which that
cannot be known, gets an `AuditError` in the place of its index; it may still turn up in the log, but an entry that was
acknowledged never goes missing. Checkpoints are not waited for: `tend` is called in between, when nobody waits. After a failure
everything is refused until the journal could be opened anew, which is tried not sooner than `Pace.retry` later: a failed sync
leaves the page cache saying what the disk does not hold.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from extproc.audit.courier import Courier
from extproc.audit.entry import Entry
from extproc.audit.journal import Journal
from extproc.audit.note import Note
from extproc.audit.scribe import Scribe
from extproc.errors import AuditError

_CLOSED: Final = "the audit log has failed and is not open yet"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is done when, in seconds.

    A checkpoint follows an entry within `cadence`; an entry that says so follows after `heartbeat` without any; a disk that
    failed is left alone for `retry`.
    """

    cadence: float
    heartbeat: float
    retry: float


class Book:
    """An open journal and the scribe that writes for it; `journal` opens it, given how many entries must be there.

    Checkpoints go by `courier` to witnesses, if there are
    any. `clock` gives seconds, from whenever. Raises `AuditError` where what lies there cannot be gone on with.
    """

    def __init__(
        self,
        journal: Callable[[int], Journal],
        scribe: Callable[[int], Scribe],
        *,
        pace: Pace,
        courier: Courier | None = None,
        clock: Callable[[], float] = time.monotonic,
        least: int = 0,
    ) -> None:
        self._clock = clock
        self._open = journal
        self._new_scribe = scribe
        self._pace = pace
        self._courier = courier
        self._away: Note | None = None  # a checkpoint that the courier has
        self._away_until = 0.0
        self._retry_at = 0.0
        self._least = least
        self._written_at = self._behind_since = self._clock()
        try:
            self._journal: Journal | None = self._open(least)
        except OSError as error:
            raise AuditError(_told(error)) from error
        self._scribe = scribe(self._journal.following)
        self.recovered = self._journal.recovered

    def write(self, entries: Sequence[Entry]) -> list[int | AuditError]:
        """Make `entries` durable together; return an index or an error for each."""
        if not entries:
            return []
        try:
            journal = self._usable()
        except AuditError as error:
            return [error] * len(entries)
        results: list[int | AuditError] = []
        records, slots = [], []
        for entry in entries:
            try:
                record, ahead = self._scribe.write(entry)
            except AuditError as error:
                results.append(error)
                continue
            records.append(record)
            results.append(record.index)
            if ahead is not None:
                slots.append(ahead)
        try:
            journal.append(records, slots)
        except Exception as error:  # noqa: BLE001  # whoever waits must be told, whatever it was
            failure = self._failed(error)
            return [failure if isinstance(result, int) else result for result in results]
        self._written_at = self._clock()
        if journal.behind == len(records):  # what was there before is published
            self._behind_since = self._written_at
        self._least = journal.following
        return results

    def tend(self) -> float:
        """Do what is due and waits for nobody: grow the tree, publish it, say that nothing happens.

        Returns the seconds after which it wants to be called again, sooner where something is written or comes back from
        witnesses. What fails here fails the book: whoever writes next is told.
        """
        now = self._clock()
        if now - self._written_at >= self._pace.heartbeat:
            self._written_at = now  # also where it fails: the next one is tried after the same time
            self.write([Entry(kind="heartbeat", time_ns=time.time_ns())])
        until = self._written_at + self._pace.heartbeat
        if self._journal is not None:
            try:
                until = min(until, self._tended(self._journal, now))
            except Exception as error:  # noqa: BLE001  # nobody waits for this; the log says so
                self._failed(error)
        return max(0.0, until - self._clock())

    def _tended(self, journal: Journal, now: float) -> float:
        """Sign and show what is due; return when something will be. Raises `OSError`."""
        if self._away is not None and self._courier is not None:
            found = self._courier.back()
            if found is not None and found.text == self._away.text:
                journal.show(found)
                self._away = None
            elif now >= self._away_until:
                journal.show(self._away)
                self._away = None
        due = self._behind_since + self._pace.cadence
        if not journal.behind or self._away is not None:
            return math.inf if self._away is None else self._away_until
        if now < due:
            journal.add()
            return due
        signed = journal.sign()
        if self._courier is None:
            journal.show(signed)
            return math.inf
        self._courier.take(signed)
        self._away, self._away_until = signed, now + self._courier.patience
        return self._away_until

    def waits_for(self) -> int | None:
        """Return the file descriptor from which witnesses' signatures come, if any do."""
        return self._courier.fileno() if self._courier is not None and self._away is not None else None

    def flush(self) -> int:
        """Put everything under a checkpoint and publish it; return the index that comes next. Raises `AuditError`."""
        journal = self._usable()
        try:
            signed = journal.sign()
            journal.show(signed if self._courier is None else self._courier.wait(signed))
            self._away = None
        except OSError as error:
            raise self._failed(error) from error
        return journal.following

    def close(self) -> int:
        """Leave the files tidy and let go of them; return the index that would come next. Raises `AuditError`."""
        following = self.flush()
        journal = self._usable()
        try:
            journal.close()
        except OSError as error:
            raise self._failed(error) from error
        self._journal = None
        if self._courier is not None:
            self._courier.leave()
        return following

    def _usable(self) -> Journal:
        """Return the journal, opened anew if it has to be and may be. Raises `AuditError`."""
        if self._journal is None:
            if self._clock() < self._retry_at:
                raise AuditError(_CLOSED)
            try:
                self._journal = self._open(self._least)
            except (OSError, AuditError) as error:
                raise self._failed(error) from error
            self._scribe = self._new_scribe(self._journal.following)
            _log.warning("the audit log is open again: %s", self._journal.recovered)
        return self._journal

    def _failed(self, error: Exception) -> AuditError:
        told = _told(error)
        if self._journal is not None:
            _log.error("nothing is let through: %s", told)
            self._journal.abandon()
            self._journal = self._away = None
        self._retry_at = self._clock() + self._pace.retry
        return AuditError(told)


def _told(error: Exception) -> str:
    match error:
        case AuditError():
            return str(error)
        case OSError():
            return f"the audit log cannot be written: {error.strerror}"
    return f"the audit log cannot be written: {type(error).__name__}"
