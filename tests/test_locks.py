"""Locks: whom they keep out, how long what is known of them holds, and that they can be set, lifted and listed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import Denied, Malformed, NotFound, StoreError
from extproc.locks import KINDS, Locks, Watch, lift_lock, list_locks, set_lock
from extproc.operation import Principal
from extproc.store import Store

ADA = Principal(
    id="https://idp.test#ada",
    issuer="https://idp.test",
    subject="ada",
    person="ada@corp.test",
    kind="human",
    roles=("reader", "writer"),
    groups=(),
    claims={"jti": "t-1"},
)
NAMES = {
    "principal": ADA.id,
    "person": "ada@corp.test",
    "role": "writer",
    "issuer": "https://idp.test",
    "token": "t-1",
    "database": "kb",
}


def known(*holding: tuple[str, str]) -> Locks:
    """Return locks that are known to hold just now."""
    locks = Locks(oldest=30.0, clock=lambda: 0.0)
    locks.learn(dict.fromkeys(holding, "l1"), 0.0)
    return locks


def denied(locks: Locks, who: Principal = ADA, database: str = "kb") -> str | None:
    """Return the reason for which a caller is kept out, None where there is none."""
    try:
        locks.require_open(who, database)
    except Denied as error:
        return error.code
    return None


def test_every_kind_is_told_apart_here() -> None:
    """The names below are one for each kind."""
    assert set(KINDS) == set(NAMES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lock_of_each_kind_keeps_out_whom_it_names_and_nobody_else(kind: str) -> None:
    """The same value under another kind, and another value under the same, mean nobody here."""
    others = [(other, NAMES[kind]) for other in KINDS if other != kind]

    assert denied(known((kind, NAMES[kind]))) == "access_locked"
    assert denied(known(*others, (kind, NAMES[kind] + "x"))) is None


def test_a_caller_without_person_or_token_id_is_not_locked_by_their_absence() -> None:
    """An empty name is nobody's."""
    nameless = Principal(
        id="i#s", issuer="i", subject="s", person=None, kind="workload", roles=(), groups=(), claims={"jti": 7}
    )

    assert denied(known(("person", ""), ("token", "7"), ("token", "")), nameless) is None


@given(st.sets(st.tuples(st.sampled_from(KINDS), st.sampled_from([*NAMES.values(), "x"]))))
def test_one_that_fits_is_enough(holding: set[tuple[str, str]]) -> None:
    """A caller is kept out where some lock names it, whatever else is locked."""
    fits = any(NAMES[kind] == value for kind, value in holding) or ("role", "reader") in holding

    assert denied(known(*holding)) == ("access_locked" if fits else None)


def test_what_is_not_known_or_known_too_long_denies() -> None:
    """Before the first look, and after the limit, nobody is let in; at the limit somebody still is."""
    now = 0.0
    locks = Locks(oldest=30.0, clock=lambda: now)
    assert denied(locks) == "locks_unknown"
    locks.learn({}, 0.0)
    now = 30.0
    assert denied(locks) is None
    now = 30.1
    assert denied(locks) == "locks_unknown"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store."""
    found = Store.open(path=tmp_path / "var" / "vecgate.db")
    yield found
    found.close()


def test_a_lock_holds_until_it_is_lifted_and_is_remembered(store: Store) -> None:
    """Who set it, who lifted it and when stays in the store."""
    lock = set_lock(store, kind="person", value="ada@corp.test", note="left", by="i#root", now=10)
    again = set_lock(store, kind="person", value="ada@corp.test", note="twice", by="i#other", now=11)
    assert (again, list_locks(store)) == (lock, [lock])
    lifted = lift_lock(store, lock.id, by="i#root", now=20)
    assert (lifted.lifted_by, lifted.lifted_at) == ("i#root", 20)
    assert (list_locks(store), list_locks(store, lifted=True)) == ([], [lifted])
    assert lifted == lift_lock(store, lock.id, by="i#other", now=30)

    assert lock.id != set_lock(store, kind="person", value="ada@corp.test", note="again", by="i#root", now=40).id


@pytest.mark.parametrize(("kind", "value"), [("group", "ops"), ("", "x"), ("role", "")])
def test_a_lock_of_no_kind_or_of_nobody_is_malformed(store: Store, kind: str, value: str) -> None:
    """A lock that could never keep anybody out is an error."""
    with pytest.raises(Malformed):
        set_lock(store, kind=kind, value=value, note="", by="i#root", now=1)


def test_a_lock_that_is_not_there_cannot_be_lifted(store: Store) -> None:
    """Its id is somebody's mistake."""
    with pytest.raises(NotFound):
        lift_lock(store, "none", by="i#root", now=1)


def test_each_look_sees_what_was_changed(store: Store) -> None:
    """What is set is known at the next look, and so is what is lifted."""
    locks = Locks(oldest=30.0, clock=lambda: 0.0)
    watch = Watch(locks, lambda: store, clock=lambda: 0.0)
    seen = []
    lock = ""
    for turn in range(4):
        if turn % 2:
            lock = set_lock(store, kind="role", value="writer", note="", by="i#root", now=turn).id
        elif lock:
            lift_lock(store, lock, by="i#root", now=turn)
        watch.look()
        seen.append(denied(locks))

    assert seen == [None, "access_locked", None, "access_locked"]


def test_while_the_store_is_away_the_copy_is_gone_by_for_a_time(store: Store) -> None:
    """What was locked stays locked, what was open stays open, and then everything is closed."""
    now, away = 0.0, False

    def opening() -> Store:
        if away:
            raise StoreError("away")
        return store

    locks = Locks(oldest=30.0, clock=lambda: now)
    set_lock(store, kind="database", value="kb", note="", by="i#root", now=1)
    Watch(locks, opening, clock=lambda: now).look()
    away, now = True, 29.0
    with pytest.raises(StoreError):
        Watch(locks, opening, clock=lambda: now).look()
    assert (denied(locks), denied(locks, database="wiki")) == ("access_locked", None)
    now = 31.0
    assert (denied(locks), denied(locks, database="wiki")) == ("locks_unknown", "locks_unknown")


async def test_the_start_waits_a_while_for_the_store(store: Store) -> None:
    """A store that comes up a moment later shows its locks before anybody is served; none is waited for long."""
    now = 0.0
    opened: list[float] = []

    def opening() -> Store:
        nonlocal now
        now += 1.0
        opened.append(now)
        if now < 3.0:
            raise StoreError("away")
        return store

    locks = Locks(oldest=30.0, clock=lambda: now)
    await Watch(locks, opening, clock=lambda: now).settle(5.0)
    assert (denied(locks), len(opened)) == (None, 3)
    now = -10.0
    await Watch(Locks(oldest=30.0, clock=lambda: now), opening, clock=lambda: now).settle(2.0)
    assert len(opened) == 5
