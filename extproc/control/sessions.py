"""What is on record, asked by people: lists of sessions, and one of them whole. Each is an act, decided and on record itself.

What the policy is asked about is what the question is narrowed to, so that whoever may see their own sees no others'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec

from extproc.administration import Target
from extproc.audit.sessions import Index, Session, Wanted
from extproc.audit.transcript import Transcript, read
from extproc.control.acts import Acts
from extproc.control.callers import Caller
from extproc.errors import Malformed, NotFound
from extproc.secret import Secret
from extproc.store import Store

MOST: Final = 1000
"""The most rows of one answer, but for those of a single moment."""
_ALL: Final = 1 << 31
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1024, pattern="^[^\x00]*$")]
"""What is looked for."""
Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
"""The id of a session, which is that of its exchange."""
_Time = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}[0-9TZ:.-]{0,30}$")]
T = TypeVar("T")


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    principal: Text | None = None
    person: Text | None = None
    database: Text | None = None
    collection: Text | None = None
    action: Text | None = None
    decision: Text | None = None
    reason: Text | None = None
    record: Text | None = None
    masked: Text | None = None
    since: _Time | None = None
    until: _Time | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 100


class _Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions, the newest first. Where there are more, `until` is the time to go on with, else None."""

    sessions: list[Session]
    until: str | None


class Archive:
    """The index and the logs behind it, for one question at a time. `open_store` opens the store, blocking."""

    def __init__(self, directory: Path, sealing_key: Secret, open_store: Callable[[], Store]) -> None:
        self.directory = directory
        self.sealing_key = sealing_key
        self.turn = asyncio.Lock()
        """Held while the index is brought up to date, or entries are erased."""
        self._open_store = open_store
        self._store: Store | None = None

    async def ask(self, question: Callable[[Index], T]) -> T:
        """Return the answer of an index that knows all that is on record. Raises `AuditError`, `StoreError`."""

        def answer() -> T:
            index = self.index()
            index.update()
            return question(index)

        async with self.turn:
            return await asyncio.to_thread(answer)

    def index(self) -> Index:
        """Return the index as it is, blocking. Raises `StoreError`."""
        return Index(self.store(), self.directory, self.sealing_key)

    def store(self) -> Store:
        """Return the store, blocking. Raises `StoreError`."""
        if self._store is None:
            self._store = self._open_store()
        return self._store

    async def transcript(self, exchange: str) -> Transcript | None:
        """Return what is on record of an exchange, None where nothing is. Raises `AuditError`, `StoreError`."""

        def told(index: Index) -> Transcript | None:
            places = index.places(exchange)
            return read(self.directory, exchange, places, self.sealing_key) if places else None

        return await self.ask(told)


class Sessions:
    """Answers what is asked about sessions."""

    def __init__(self, acts: Acts, archive: Archive) -> None:
        self._acts = acts
        self._archive = archive

    async def list(self, caller: Caller, body: bytes) -> Listed:
        """List sessions. Raises `Malformed`, `Denied`, `StoreError`, `AuditError`."""
        asked = taken(body, _Asked, "the filters of a list")
        wanted = Wanted(**msgspec.structs.asdict(asked) | {"limit": asked.limit + 1})

        async def find() -> Listed:
            return await self._archive.ask(lambda index: _page(index, wanted, asked.limit))

        of_record = f"record:{asked.record}" if asked.record is not None else None
        target = Target(
            id=asked.principal or of_record, person=asked.person, database=asked.database, collection=asked.collection
        )
        return await self._acts.perform(caller, "session_read", target, find)

    async def show(self, caller: Caller, body: bytes) -> Transcript:
        """Show one session. Raises `Malformed`, `NotFound`, `Denied`, `StoreError`, `AuditError`."""
        named = taken(body, _Named, '{"id": …}')
        found = await self._archive.transcript(named.id)

        async def tell() -> Transcript:
            if found is None:
                raise NotFound("there is no such session, or it is older than what is kept")
            return found

        return await self._acts.perform(caller, "session_read", about(named.id, found), tell)


def about(exchange: str, found: Transcript | None) -> Target:
    """Return what a policy is asked about: a session, and whose it is."""
    who = found.principal if found else None
    places = {(each.database, fact.collection) for each in found.entries for fact in each.operations} if found else set()
    database, collection = places.pop() if len(places) == 1 else (found.entries[0].database if found else None, None)
    return Target(id=exchange, person=who.person if who else None, database=database or None, collection=collection)


def taken(body: bytes, form: type[T], shown: str) -> T:
    """Return a body, read. Raises `Malformed`."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Malformed(f"the body is not {shown}") from error


def _page(index: Index, wanted: Wanted, limit: int) -> Listed:
    """Return no more than `limit`, and no part of a moment's sessions where the rest of them is on the next page.

    A moment that has more than that, such as a batch of so many operations, comes whole: behind a cut nobody could go on.
    """
    found = index.find(wanted)
    if len(found) <= limit:
        return Listed(sessions=found, until=None)
    beyond = found[limit].time
    shown = [each for each in found[:limit] if each.time != beyond]
    if not shown:
        moment = msgspec.structs.replace(wanted, since=beyond, until=f"{beyond}.", limit=_ALL)  # until the next later text
        shown = index.find(moment)
    return Listed(sessions=shown, until=shown[-1].time)
