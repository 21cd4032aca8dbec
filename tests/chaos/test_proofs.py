"""The proofs themselves: evidence that holds passes, and each single fault in it is found."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaos import evidence, http1, proofs, report, store
from chaos.evidence import Kept, Wreck
from chaos.proofs import Answer, Arrival
from extproc.audit.entry import Private
from extproc.audit.ledger import Ledger
from extproc.audit.recovery import Recovered
from extproc.errors import AuditError
from support import evidence as made_up
from support.ports import free_port

ANSWER = Answer(marker="m", status=200, kind="200", native=True, leaked=False)
ARRIVAL = Arrival(marker="m", target="/get", counts={"worker-0": 2})


def kept(kind: str, index: int, **changed: Any) -> Kept:
    """Return an entry of the exchange that the marker `m` was answered in."""
    leaf = {"kind": kind, "index": index, "exchange": "x", "end": None, "status": None, "detail": {}}
    if kind == "outcome":
        leaf |= {"end": "delivered", "status": 200}
    return Kept(worker="worker-0", leaf=leaf | changed, user_agent=changed.get("user_agent", "m"))


INTENT, OUTCOME = kept("intent", 1), kept("outcome", 2)


def test_evidence_that_holds_has_no_findings() -> None:
    """The nearest lawful twin of every fault below."""
    entries = [kept("start", 0, exchange="", detail={"recovered_torn": "7"}, user_agent=""), INTENT, OUTCOME]

    assert [
        *proofs.every_success_is_on_record([ANSWER], entries),
        *proofs.every_refusal_is_on_record([ANSWER], entries),
        *proofs.nothing_leaked([ANSWER]),
        *proofs.no_exchange_is_told_twice(entries),
        *proofs.nothing_arrived_before_its_intent([ARRIVAL], entries),
        *proofs.starts_tell_what_was_put_right([Wreck(worker="worker-0", following=0, torn=7, restored=0)], entries),
    ] == []
    assert proofs.unfinished(entries) == []


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [INTENT],
        [OUTCOME],
        [INTENT, OUTCOME, OUTCOME],
        [INTENT, kept("outcome", 2, exchange="y")],
        [INTENT, kept("outcome", 2, end="aborted", status=None)],
        [INTENT, kept("outcome", 2, status=201)],
        [INTENT, replace(OUTCOME, user_agent="another")],
    ],
)
def test_a_success_that_is_not_wholly_on_record_is_found(entries: list[Kept]) -> None:
    """A missing, doubled or differing entry is a finding, and for an error none is asked for."""
    assert len(list(proofs.every_success_is_on_record([ANSWER], entries))) == 1
    assert list(proofs.every_success_is_on_record([replace(ANSWER, status=500), replace(ANSWER, status=None)], entries)) == []


def test_a_refusal_without_its_entry_is_found() -> None:
    """A native 4xx needs one entry of that status; what Envoy says by itself needs none."""
    refused = replace(ANSWER, status=401)
    told = kept("login_rejected", 1, status=401)

    assert list(proofs.every_refusal_is_on_record([refused], [told])) == []
    assert len(list(proofs.every_refusal_is_on_record([refused], []))) == 1
    assert len(list(proofs.every_refusal_is_on_record([refused], [kept("outcome", 1, status=400)]))) == 1
    assert list(proofs.every_refusal_is_on_record([replace(refused, native=False)], [])) == []


def test_a_leak_is_found_whatever_the_answer_was() -> None:
    """Half an answer on a broken connection counts as well."""
    assert len(list(proofs.nothing_leaked([replace(ANSWER, status=None, leaked=True)]))) == 1


def test_an_exchange_of_two_workers_or_with_two_outcomes_is_found() -> None:
    """Nobody but the worker that began an exchange ends it, and only once."""
    assert len(list(proofs.no_exchange_is_told_twice([INTENT, replace(OUTCOME, worker="worker-1")]))) == 1
    assert len(list(proofs.no_exchange_is_told_twice([INTENT, OUTCOME, OUTCOME]))) == 1


def test_a_request_that_came_before_its_intent_is_found() -> None:
    """Without an intent, with a log too short for it, or twice."""
    check = proofs.nothing_arrived_before_its_intent

    assert len(list(check([ARRIVAL], [OUTCOME]))) == 1
    assert len(list(check([replace(ARRIVAL, counts={"worker-0": 1})], [INTENT]))) == 1
    assert len(list(check([replace(ARRIVAL, counts={"worker-1": 99})], [INTENT]))) == 1
    assert len(list(check([ARRIVAL, ARRIVAL], [INTENT]))) == 1


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [kept("start", 4)],
        [kept("start", 3)],
        [kept("intent", 3, detail={"recovered_torn": "7", "recovered_restored": "1"})],
        [kept("start", 3, detail={"recovered_torn": "8", "recovered_restored": "1"})],
        [kept("start", 3, detail={"recovered_torn": "7"})],
        [kept("start", 3, detail={"recovered_torn": "7", "recovered_restored": "1", "recovered_lost": "1"})],
    ],
)
def test_a_start_that_tells_something_else_is_found(entries: list[Kept]) -> None:
    """It comes right after what the dead worker had made durable, and names exactly what was put right."""
    last = Wreck(worker="worker-0", following=3, torn=7, restored=1)

    assert len(list(proofs.starts_tell_what_was_put_right([replace(last, torn=99), last], entries))) == 1


def test_an_intent_alone_is_unfinished() -> None:
    """It is how a request is told whose worker died over it."""
    assert proofs.unfinished([INTENT]) == ["m"]


# --- the reading of files ---


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """Return an audit directory with a worker's log of three entries, two of them with a recording."""

    async def write() -> None:
        ledger = Ledger.open(tmp_path, "worker-0", made_up.KEYS)
        for number in range(3):
            private = Private(user_agent=f"m-{number}")
            await ledger.append(made_up.entry(number, body=None if number == 1 else made_up.BODY, private=private))
        await ledger.close()

    asyncio.run(write())
    return tmp_path


def test_whole_files_are_read_without_findings(audit: Path) -> None:
    """Every entry comes with what its private part says, and is counted."""
    entries, wrong = evidence.read(audit, "worker-0", made_up.KEY)

    assert wrong == []
    assert [entry.user_agent for entry in entries] == ["m-0", "m-1", "m-2"]
    assert evidence.Follower(audit).counts() == {"worker-0": 3}


def swapped(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Return a change of a file's bytes that must find what it changes."""

    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("entries/000.p/3", swapped(b'"index":1', b'"index":7')),
        ("entries/000.p/3", lambda data: data[:-1]),
        ("entries/000.p/3", lambda data: data + data),
        ("checkpoint", swapped(b"\n3\n", b"\n2\n")),
        ("checkpoint", lambda data: data.replace(data.split(b"\n")[2], base64.b64encode(bytes(32)))),
        ("*.seal", swapped(b'"index":1', b'"index":7')),
        ("*.seal", lambda data: data[:-1]),
        ("*.seal", lambda data: data + b"VGR1"),
        ("*.keys", lambda data: bytes(64) + data[64:]),
        ("*.keys", lambda data: data[:64] + data[:64] + data[128:]),
    ],
)
def test_every_change_of_a_file_is_found(audit: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """A byte more, less or another in log, segment or keys."""
    (path,) = audit.rglob(f"**/{name}")
    path.write_bytes(change(path.read_bytes()))

    assert evidence.read(audit, "worker-0", made_up.KEY)[1] != []


def test_a_leaf_that_is_not_canonical_or_commits_to_something_else_is_found(audit: Path) -> None:
    """The forms are held against the standard's own implementation and the digests against the bytes."""
    (path,) = audit.rglob("*.seal")
    (record, *_) = evidence.records(path.read_bytes())
    spaced = json.dumps(json.loads(record.leaf)).encode()

    assert list(evidence._leaf_findings(record, 0)) == []
    assert list(evidence._leaf_findings(record._replace(leaf=spaced), 0)) == ["the leaf is not canonical"]
    for forged in (record._replace(private=b"x"), record._replace(recording=b"x"), record._replace(number=1)):
        assert len(list(evidence._leaf_findings(forged, 0))) == 1


def test_a_wreck_is_measured(audit: Path) -> None:
    """Bytes of a torn record and leaves that no checkpoint is about, as a killed worker leaves them."""
    (segment,), checkpoint = list(audit.rglob("*.seal")), evidence.log(audit, "worker-0") / "checkpoint"
    segment.write_bytes(segment.read_bytes() + b"VGR1\x03" + bytes(100))
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"\n3\n", b"\n2\n"))

    assert evidence.wreck(audit, "worker-0") == Wreck(worker="worker-0", following=3, torn=5, restored=1)


async def test_entries_are_counted_as_they_come(tmp_path: Path) -> None:
    """Those in a second segment too, and none twice."""
    ledger = Ledger.open(tmp_path, "worker-0", made_up.KEYS, segment_bytes=3_000)
    follower, counts = evidence.Follower(tmp_path), []
    for number in range(12):
        await ledger.append(made_up.entry(number))
        counts.append(follower.counts()["worker-0"])
    await ledger.close()

    assert counts == list(range(1, 13))
    assert len(evidence._segments(tmp_path, "worker-0")) > 2


@pytest.mark.parametrize("seed", range(12))
def test_the_program_recovers_from_a_made_up_loss_of_power(audit: Path, seed: int) -> None:
    """Nothing that was acknowledged is lost, and the wreck says exactly what opening puts right."""
    folder = evidence.log(audit, "worker-0")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    evidence.cut_power(audit, "worker-0", random.Random(seed))  # noqa: S311  # repeatable, no secret
    found = evidence.wreck(audit, "worker-0")

    async def reopen() -> Recovered:
        ledger = Ledger.open(audit, "worker-0", made_up.KEYS)
        await ledger.close()
        return ledger.recovered

    assert asyncio.run(reopen()) == Recovered(torn=found.torn, restored=found.restored, lost=0)
    assert found.torn > 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert evidence.read(audit, "worker-0", made_up.KEY)[1] == []


def test_files_that_a_successor_has_open_are_left_alone(audit: Path) -> None:
    """The lock is the journal's own: who has it keeps the other out."""

    async def look() -> None:
        ledger = Ledger.open(audit, "worker-0", made_up.KEYS)
        with evidence.locked(audit, "worker-0") as ours:
            assert not ours
        await ledger.close()
        with evidence.locked(audit, "worker-0") as ours:
            assert ours
            with pytest.raises(AuditError, match="another process"):
                Ledger.open(audit, "worker-0", made_up.KEYS)

    asyncio.run(look())


# --- client, database, report ---


async def test_a_connection_tells_what_it_heard_of_a_broken_answer() -> None:
    """A body that is shorter than announced is no answer, and its bytes are there to be searched."""

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with http1.Connection(server.sockets[0].getsockname()[1]) as connection:
        with pytest.raises(http1.Broken, match="connection closed") as broken:
            await connection.ask(http1.request("GET", "/", {}))
    server.close()

    assert broken.value.heard.endswith(b"half")


async def test_client_and_database_understand_each_other() -> None:
    """Several requests go over one connection, each with its own user agent and body."""
    seen: list[store.Asked] = []

    async def answer(asked: store.Asked) -> tuple[int, bytes]:
        seen.append(asked)
        return 200, asked.body

    port = free_port()
    async with store.serving(port, answer), http1.Connection(port) as connection:
        for number in range(2):
            reply = await connection.ask(http1.request("POST", "/x", {"user-agent": f"m-{number}"}, b"body %d" % number))
            assert (reply.status, reply.body) == (200, b"body %d" % number)

    assert [(each.method, each.target, each.user_agent) for each in seen] == [("POST", "/x", "m-0"), ("POST", "/x", "m-1")]


def test_a_result_takes_the_place_of_the_last(tmp_path: Path) -> None:
    """What stands around the markers stays, and a document without them is refused."""
    document = tmp_path / "robustness.md"
    document.write_text("before\n<!-- chaos -->\nold\n<!-- /chaos -->\nafter\n")

    report.write(document, "chaos", report.table(["a"], [["b"]]))

    assert document.read_text() == "before\n<!-- chaos -->\n\n| a |\n| --- |\n| b |\n\n<!-- /chaos -->\nafter\n"
    with pytest.raises(ValueError, match="soak"):
        report.write(document, "soak", "")
