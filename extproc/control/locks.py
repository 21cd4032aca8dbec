"""Locks set, lifted and listed by people: each an act that the administration policy decides, in the store for every worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

import msgspec

from extproc.administration import Target
from extproc.control.acts import Acts
from extproc.control.callers import Caller
from extproc.errors import Malformed
from extproc.locks import Kind, Lock, find_lock, lift_lock, list_locks, set_lock
from extproc.store import Store

_SECOND_NS: Final = 1_000_000_000
T = TypeVar("T")


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lock that is asked for."""

    kind: Kind
    value: str
    note: str = ""


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lock that is there."""

    id: str


class Chosen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which locks are asked for: those that hold, or with `lifted` all that ever were."""

    lifted: bool = False


class Locksmith:
    """Answers what is asked about locks. `open_store` opens the store, blocking; it is asked again until that works."""

    def __init__(self, acts: Acts, open_store: Callable[[], Store]) -> None:
        self._acts = acts
        self._open_store = open_store
        self._store: Store | None = None

    async def set(self, caller: Caller, body: bytes) -> Lock:
        """Set a lock. Raises `Malformed`, `Denied`, `StoreError`, `AuditError`."""
        wanted = _read(body, Wanted, '{"kind": …, "value": …, "note": …}')
        now, by = caller.context.time_ns // _SECOND_NS, caller.principal.id
        change = partial(set_lock, kind=wanted.kind, value=wanted.value, note=wanted.note, by=by, now=now)
        return await self._acts.perform(caller, "lock_change", _target(wanted.kind, wanted.value, None), self._doing(change))

    async def lift(self, caller: Caller, body: bytes) -> Lock:
        """Lift a lock. Raises `Malformed`, `NotFound`, `Denied`, `StoreError`, `AuditError`."""
        named = _read(body, Named, '{"id": …}')
        now, by = caller.context.time_ns // _SECOND_NS, caller.principal.id
        found = await self._doing(lambda store: find_lock(store, named.id))()
        target = _target(found.kind, found.value, found.id)
        change = partial(lift_lock, lock=named.id, by=by, now=now)
        return await self._acts.perform(caller, "lock_change", target, self._doing(change))

    async def list(self, caller: Caller, body: bytes) -> list[Lock]:
        """List locks, which takes the same right as changing them. Raises `Malformed`, `Denied`, `StoreError`, `AuditError`."""
        chosen = _read(body, Chosen, '{"lifted": …}')
        return await self._acts.perform(
            caller, "lock_change", Target(), self._doing(lambda store: list_locks(store, lifted=chosen.lifted))
        )

    def _doing(self, work: Callable[[Store], T]) -> Callable[[], Awaitable[T]]:
        """Return `work` on the store, done beside the event loop."""

        def on_store() -> T:
            if self._store is None:
                self._store = self._open_store()
            return work(self._store)

        async def do() -> T:
            return await asyncio.to_thread(on_store)

        return do


def _read(body: bytes, form: type[T], shown: str) -> T:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Malformed(f"the body is not {shown}") from error


def _target(kind: Kind, value: str, lock: str | None) -> Target:
    """Return what a policy is asked about."""
    return Target(
        id=lock or f"{kind}:{value}",
        person=value if kind == "person" else None,
        roles=(value,) if kind == "role" else (),
        database=value if kind == "database" else None,
    )
