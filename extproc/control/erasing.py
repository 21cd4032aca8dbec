"""Erasing what is on record of somebody: decided, told in a receipt, and done, in the logs of all processes of this gateway.

The request names whom it is about, so its own entry is among what is erased; the receipt says who had it done and why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

import msgspec

from extproc.administration import Target
from extproc.audit import erasure
from extproc.audit.entry import Private
from extproc.audit.erasure import Subject
from extproc.control.acts import Acts, Log
from extproc.control.callers import Caller
from extproc.control.sessions import Archive, Id, Text, about, taken
from extproc.errors import Malformed


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    principal: Text | None = None
    person: Text | None = None
    record: Text | None = None
    recording: Id | None = None
    database: Text | None = None
    collection: Text | None = None
    preview: bool = False


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries of each log were erased, or with `preview` would be: the request's own among them."""

    preview: bool
    entries: int
    logs: dict[str, int]


class Eraser:
    """Answers what is asked about erasing. Receipts go to `log`; logs are called ``<origin>/<worker>``."""

    def __init__(self, acts: Acts, archive: Archive, *, log: Log, origin: str, clock: Callable[[], int]) -> None:
        self._acts = acts
        self._archive = archive
        self._log = log
        self._origin = origin
        self._clock = clock

    async def __call__(self, caller: Caller, body: bytes) -> Erased:
        """Erase. Raises `Malformed`, `Denied`, `StoreError`, `AuditError`."""
        asked = taken(body, _Asked, "whose entries, and why")
        if sum(each is not None for each in (asked.principal, asked.person, asked.record, asked.recording)) != 1:
            raise Malformed("say whose entries: one principal, person, record or recording", code="subject_missing")
        if not asked.preview and not asked.reason.strip():
            raise Malformed("say why, for whoever finds the receipt", code="reason_missing")
        subject = Subject(
            principal=asked.principal,
            person=asked.person,
            record=asked.record,
            exchange=asked.recording,
            database=asked.database,
            collection=asked.collection,
        )
        target = await self._target(asked)

        async def do() -> Erased:
            async with self._archive.turn:
                return await self._erased(caller, subject, asked)

        return await self._acts.perform(caller, "erase", target, do)

    async def _target(self, asked: _Asked) -> Target:
        if asked.recording is not None:
            return about(asked.recording, await self._archive.transcript(asked.recording))
        named = asked.principal or (f"record:{asked.record}" if asked.record is not None else None)
        return Target(id=named, person=asked.person, database=asked.database, collection=asked.collection)

    async def _erased(self, caller: Caller, subject: Subject, asked: _Asked) -> Erased:
        archive = self._archive
        found = await asyncio.to_thread(erasure.find, archive.directory, archive.sealing_key, subject)
        counts = {worker: len(indexes) for worker, indexes in found.items()}
        if found and not asked.preview:
            context = caller.context
            private = Private(
                principal=caller.principal,
                source=context.source,
                user_agent=context.user_agent,
                claimed={"reason": asked.reason},
            )
            await asyncio.to_thread(archive.store)  # nothing is begun that the index could not be told of
            await erasure.erase(
                archive.directory,
                found,
                log=self._log,
                origin=self._origin,
                private=private,
                clock=self._clock,
                exchange=context.exchange,
            )
            await asyncio.to_thread(self._forget, found)
        return Erased(preview=asked.preview, entries=sum(counts.values()), logs=counts)

    def _forget(self, found: dict[str, list[int]]) -> None:
        index = self._archive.index()
        for worker, indexes in found.items():
            index.forget(worker, indexes)
        self._archive.store().scrub(*index.tables)
