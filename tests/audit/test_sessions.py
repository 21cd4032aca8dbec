"""The index of sessions: what it answers is what a look at every entry answers, and it can be made again at any time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.audit import reader
from extproc.audit.entry import Entry, Fact, Private, Recording
from extproc.audit.retention import retain
from extproc.audit.sealing import ERASED, SLOT_BYTES
from extproc.audit.sessions import Index, Session, Wanted
from extproc.store import Store
from extproc.store.tables import FOLLOWED, PLACES, SEEN, SESSIONS
from support.evidence import KEY, PRINCIPAL, SECOND, SOURCE
from support.logs import Writer
from support.postgresql import PASSWORD, PostgreSQL, postgresql

MARCH = 1_772_323_200 * SECOND  # 2026-03-01
PEOPLE = [
    msgspec.structs.replace(PRINCIPAL, id=f"https://idp.example.com#{name}", subject=name, person=f"{name}@example.com")
    for name in ("rita", "omar")
]


def outcome(number: int) -> Entry:
    """Return the outcome of an exchange with two operations, the second of which was denied for every third."""
    masked = ("card", "email") if number % 2 else ()
    return Entry(
        kind="outcome",
        time_ns=MARCH + (number - 10) * 3600 * SECOND,
        exchange=f"exchange-{number}",
        database="kb",
        engine="chroma",
        facts=(
            Fact(action="search", scope="records", collection="tickets", decision="allow", rows=2, masked_fields=masked),
            Fact(action="delete_records", scope="records", collection="people", decision="deny", reasons=("not_granted",)),
        )[: 2 if number % 3 == 0 else 1],
        decision="allow",
        end="delivered",
        status=200,
        private=Private(principal=PEOPLE[number % 4 == 0], source=SOURCE),
        recording=Recording(
            method="POST", target="/query", body=b"{}", status=200, records={0: (f"T-{number % 5}", f"T-{number % 7}")}
        ),
    )


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server."""
    with postgresql() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Return a store; that of PostgreSQL has the sessions of tests before, whose logs are others."""
    if request.param == "sqlite":
        made = Store.open(path=tmp_path / "index.db")
    else:
        server: PostgreSQL = request.getfixturevalue("server")
        made = Store.open(path=None, url=server.url, password=lambda: PASSWORD)
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a directory with two logs, with entries of all kinds."""
    for worker in "vw":
        writer = Writer(tmp_path / "audit", worker)
        writer.write(*[outcome(number) for number in range(20)])
        writer.write(Entry(kind="login_rejected", time_ns=MARCH, reasons=("token_expired",), decision="deny", end="denied"))
        writer.stop()
    return tmp_path / "audit"


def everything(store: Store) -> list[list[Any]]:
    """Return all rows of the index."""
    with store.read() as connection:
        return [sorted(map(repr, connection.execute(sa.select(each)))) for each in (SESSIONS, SEEN, PLACES, FOLLOWED)]


def exchanges(found: list[Session]) -> set[tuple[str, str, int]]:
    """Return which operations these are."""
    return {(each.worker, each.exchange, each.operation) for each in found}


def test_who_has_seen_a_record_since_march_in_clear_or_masked(log: Path, store: Store) -> None:
    """One question, answered with people and with what was hidden from each."""
    index = Index(store, log, KEY)
    index.update()
    found = index.find(Wanted(record="T-1", since="2026-03"))
    scanned = {
        (leaf.exchange, opened.private.principal.person, fact.masked_fields)
        for leaf, opened in reader.read_entries(log, "w", KEY)
        if opened is not None and opened.private.principal is not None and opened.recording is not None
        if leaf.time >= "2026-03"
        for operation, fact in enumerate(leaf.facts)
        if "T-1" in opened.recording.records.get(operation, ())
    }

    assert {(each.exchange, each.person, each.masked) for each in found if each.worker == "w"} == scanned
    assert {each.masked for each in found} == {(), ("card", "email")}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    wanted=st.builds(
        Wanted,
        person=st.none() | st.sampled_from(["rita@example.com", "omar@example.com", "%"]),
        action=st.none() | st.sampled_from(["search", "delete_records"]),
        decision=st.none() | st.sampled_from(["allow", "deny"]),
        reason=st.none() | st.sampled_from(["not_granted", "token_expired", "_", "granted"]),
        masked=st.none() | st.sampled_from(["email", "mail", "EMAIL"]),
        collection=st.none() | st.sampled_from(["tickets", "people"]),
        since=st.none() | st.sampled_from(["2026", "2026-03", "2026-03-01T04", "2027"]),
        limit=st.just(1000),
    )
)
def test_the_index_answers_as_a_scan_does(log: Path, store: Store, wanted: Wanted) -> None:
    """Every combination of conditions; what stands for anything in SQL stands for itself."""
    index = Index(store, log, KEY)
    index.update()
    every = index.find(Wanted(limit=1000))
    scanned = [
        each
        for each in every
        if wanted.person in {None, each.person}
        and wanted.action in {None, each.action}
        and wanted.decision in {None, each.decision}
        and wanted.collection in {None, each.collection}
        and (wanted.reason is None or wanted.reason in each.reasons)
        and (wanted.masked is None or wanted.masked in each.masked)
        and (wanted.since is None or each.time >= wanted.since)
    ]

    assert index.find(wanted) == scanned
    assert len(every) == 2 * (20 + 7 + 1)


def test_a_rebuilt_index_is_the_same(log: Path, store: Store) -> None:
    """Also as one that was made bit by bit while the log grew, and an update without news changes nothing."""
    index = Index(store, log, KEY)
    counts = [index.update()]
    writer = Writer(log)
    writer.write(*[outcome(number) for number in range(30, 40)])
    writer.stop()
    counts += [index.update(), index.update()]
    before = everything(store)

    assert counts == [2 * 23, 12, 0]
    assert index.rebuild() == 2 * 23 + 12
    assert everything(store) == before


def destroy(log: Path) -> None:
    """Destroy the key of the fifth entry of one worker."""
    path = min((log / "private" / "w").glob("*.keys"))
    path.write_bytes(path.read_bytes()[: 4 * SLOT_BYTES] + ERASED + path.read_bytes()[5 * SLOT_BYTES :])


def test_what_was_erased_is_forgotten(log: Path, store: Store) -> None:
    """At once when the index is told, and whenever it is built again."""
    index = Index(store, log, KEY)
    index.update()
    destroy(log)
    index.forget("w", [4])
    told = everything(store)
    index.rebuild()

    assert everything(store) == told
    assert ("w", "exchange-3", 0) not in exchanges(index.find(Wanted(limit=1000)))


def one(**changed: Any) -> Entry:
    """Return the outcome of one search that hid an email and gave back a record, with members of its own."""
    fact = Fact(action="search", scope="records", collection="tickets", decision="allow", rows=1, masked_fields=("email",))
    members: dict[str, Any] = {
        "kind": "outcome",
        "time_ns": MARCH,
        "exchange": "e",
        "database": "kb",
        "facts": (fact,),
        "decision": "allow",
        "end": "delivered",
        "status": 200,
        "private": Private(principal=PEOPLE[0], source=SOURCE, returned=((msgspec.Raw(b'"T-1"'), msgspec.Raw(b"7")),)),
    }
    return Entry(**members | changed)


def indexed(directory: Path, store: Store, *entries: Entry) -> Index:
    """Write a log and return its index."""
    writer = Writer(directory)
    writer.write(*entries)
    writer.stop()
    index = Index(store, directory, KEY)
    index.update()
    return index


@pytest.mark.parametrize("record", ["T-1", "7"])
def test_what_came_back_is_known_at_every_level_of_recording(tmp_path: Path, store: Store, record: str) -> None:
    """By the ids that are sealed with each outcome, texts and numbers; and none of them is in the index in the open."""
    index = indexed(tmp_path / "audit", store, one())

    assert [(each.person, each.shown) for each in index.find(Wanted(record=record))] == [("rita@example.com", "masked")]
    assert index.find(Wanted(record="T-2")) == []
    assert "T-1" not in repr(everything(store))


def test_what_was_to_be_masked_and_was_not_is_told_as_seen_in_clear(tmp_path: Path, store: Store) -> None:
    """Where a policy is only observed."""
    index = indexed(tmp_path / "audit", store, one(detail={"enforcement": "observe"}))

    assert [(each.shown, each.masked) for each in index.find(Wanted(record="T-1"))] == [("clear", ())]


@pytest.mark.parametrize("end", ["denied", "failed", "aborted"])
def test_who_got_no_answer_has_seen_nothing(tmp_path: Path, store: Store, end: Any) -> None:
    """Whatever the database had said by then."""
    index = indexed(tmp_path / "audit", store, one(end=end))

    assert (index.find(Wanted(record="T-1")), [each.shown for each in index.find(Wanted())]) == ([], [None])


@pytest.mark.parametrize("name", ["x" * 9000, "a\0b", "é" * 400])
def test_a_name_that_no_database_takes_does_not_blind_the_auditor(tmp_path: Path, store: Store, name: str) -> None:
    """Names are callers' choice: one that cannot be kept is kept, and found, by its digest."""
    fact = Fact(action="search", scope="records", collection=name, decision="deny", reasons=("r",))
    returned = ((msgspec.Raw(msgspec.json.encode(name)),),)
    who = msgspec.structs.replace(PEOPLE[0], person=name)
    entries = [one(facts=(fact,), private=Private(principal=who, returned=returned)), one(exchange="f")]
    index = indexed(tmp_path / "audit", store, *entries)
    found = [index.find(wanted) for wanted in (Wanted(collection=name), Wanted(person=name), Wanted(record=name))]

    assert [[each.exchange for each in sessions] for sessions in found] == [["e"]] * 3
    assert len(index.find(Wanted())) == 2


def test_two_gateways_with_logs_of_one_name_share_a_store(tmp_path: Path, store: Store) -> None:
    """Neither sees the other's, and one that is built again leaves the other's alone."""
    one_, other = (indexed(tmp_path / name, store, one(exchange=name)) for name in "ab")
    before = everything(store)
    one_.rebuild()

    assert [[each.exchange for each in index.find(Wanted())] for index in (one_, other)] == [["a"], ["b"]]
    assert (one_.places("b"), other.places("b")) == ([], [("w", 1)])
    assert everything(store) == before


def test_entries_of_an_exchange_are_found_also_when_they_are_erased(log: Path, store: Store) -> None:
    """Where they are is no secret, and an index that is built again knows it as well."""
    index = Index(store, log, KEY)
    index.update()
    destroy(log)
    index.forget("w", [4])
    found = [index.places("exchange-3")]
    index.rebuild()

    assert [*found, index.places("exchange-3")] == [[("v", 4), ("w", 4)]] * 2


def test_a_receipt_has_the_index_forget(log: Path, store: Store) -> None:
    """Whoever erased; but only what is gone, not what a receipt alone speaks of."""
    index = Index(store, log, KEY)
    index.update()
    destroy(log)
    writer = Writer(log, "control")
    writer.write(Entry(kind="administration", time_ns=MARCH, detail={"act": "erase", "log": "o/w", "entries": "4-5"}))
    writer.stop()
    index.update()
    followed = everything(store)
    index.rebuild()

    known = exchanges(index.find(Wanted(limit=1000)))
    assert (("w", "exchange-3", 0) in known, ("w", "exchange-4", 0) in known) == (False, True)
    assert everything(store) == followed


async def test_what_was_removed_because_it_is_old_is_forgotten(tmp_path: Path, store: Store) -> None:
    """An index that followed and one that is built again are the same, and go on alike."""
    directory = tmp_path / "audit"
    writer = Writer(directory, segment_bytes=4 << 10)
    for number in range(60):
        writer.write(outcome(number))
    index = Index(store, directory, KEY)
    index.update()

    class Log:
        async def append(self, entry: Entry) -> int:
            writer.write(entry)
            return 0

    kept = await retain(directory, "w", MARCH + 3600 * SECOND * 24, log=Log(), clock=lambda: MARCH)
    index.update()
    followed = everything(store)
    index.rebuild()
    rebuilt = everything(store)
    writer.write(outcome(99))
    writer.stop()
    index.update()

    assert kept > 1
    assert min(each.entry for each in index.find(Wanted(limit=1000))) >= kept
    assert followed == rebuilt
    assert [each.exchange for each in index.find(Wanted(exchange="exchange-99"))] == ["exchange-99"] * 2


def test_what_was_forgotten_is_in_no_file_of_the_store(tmp_path: Path) -> None:
    """SQLite overwrites what is deleted, and its log is emptied."""
    store = Store.open(path=tmp_path / "index" / "index.db")
    index = indexed(tmp_path / "audit", store, one(), one(exchange="f", private=Private(principal=PEOPLE[1])))

    def there() -> list[bool]:
        kept = b"".join(path.read_bytes() for path in (tmp_path / "index").iterdir())
        return [person.person.encode() in kept for person in PEOPLE if person.person]

    before = there()
    index.forget("w", [1])
    store.scrub(*Index.tables)
    after = there()
    store.close()

    assert (before, after) == ([True, True], [False, True])


def test_what_was_forgotten_is_in_no_table_of_a_postgresql(server: PostgreSQL, tmp_path: Path) -> None:
    """The tables are written anew; what is in the server's own log is not ours."""
    store = Store.open(path=None, url=server.url, password=lambda: PASSWORD)
    who = [msgspec.structs.replace(each, person=f"unlike-{each.person}") for each in PEOPLE]
    index = indexed(tmp_path, store, *[one(exchange="x", private=Private(principal=each)) for each in who])

    def there() -> list[bool]:
        with store.begin() as connection:
            connection.execute(sa.text("CHECKPOINT"))
        kept = b"".join(path.read_bytes() for path in server.tables.rglob("*") if path.is_file())
        return [person.person.encode() in kept for person in who if person.person]

    before = there()
    index.forget("w", [1])
    store.scrub(*Index.tables)
    after = there()
    store.close()

    assert (before, after) == ([True, True], [False, True])
