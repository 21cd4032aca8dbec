"""The ledger: what it acknowledged is on the disk whatever happens, and when it cannot write nothing is let through."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import cast

import pytest

from extproc.audit import orders
from extproc.audit.entry import Recording
from extproc.audit.files import Files
from extproc.audit.ledger import MOST_WAITING, Ledger
from extproc.audit.reader import open_private, read_leaves
from extproc.audit.recovery import Recovered
from extproc.companion import Companion
from extproc.errors import AuditError
from support.evidence import KEY, KEYS, PRINCIPAL, BrokenFiles, SlowFiles, ThreadedClerk, entry


def opened(directory: Path, files: Files | None = None, *, retry: float = 0.0) -> Ledger:
    """Open the ledger of worker ``w``, its clerk in a thread."""
    return Ledger.open(
        directory, "w", KEYS, origin="o", retry=retry, companion=lambda: cast("Companion", ThreadedClerk(files or Files()))
    )


async def refused(ledger: Ledger, count: int = 1) -> list[str]:
    """Append entries together, all of which must fail; return the codes of the errors."""
    results = await asyncio.gather(*[ledger.append(entry(number)) for number in range(count)], return_exceptions=True)
    return [result.code if isinstance(result, AuditError) else repr(result) for result in results]


def exchanges(directory: Path) -> list[str]:
    """Return the exchanges in the log."""
    return [leaf.exchange for leaf in read_leaves(directory)]


async def test_an_entry_is_in_the_log_once_append_returns(tmp_path: Path) -> None:
    """The index that is returned is the leaf's, and its private part opens, while the ledger is still open."""
    ledger = opened(tmp_path)
    index = await ledger.append(entry(5))
    found = open_private(tmp_path, "w", index, KEY)

    assert [(leaf.index, leaf.exchange, leaf.log) for leaf in read_leaves(tmp_path)] == [(0, "exchange-5", "o/w")]
    assert (PRINCIPAL, entry().recording) == (found.private.principal, found.recording)
    await ledger.close()


async def test_entries_of_concurrent_exchanges_share_a_sync(tmp_path: Path) -> None:
    """Forty exchanges that record at the same time cost a few durable writes, not forty, and get indexes in their order."""
    files = BrokenFiles()
    ledger = opened(tmp_path, files)
    await ledger.append(entry())
    before = files.durable
    indexes = await asyncio.gather(*[ledger.append(entry(number)) for number in range(40)])

    assert list(range(1, 41)) == indexes
    assert files.durable - before <= 2
    await ledger.close()


async def test_the_index_continues_after_a_restart(tmp_path: Path) -> None:
    """A reopened ledger goes on where it stopped, with nothing to put right."""
    for number in range(3):
        ledger = opened(tmp_path)
        assert (number, Recovered()) == (await ledger.append(entry(number)), ledger.recovered)
        await ledger.close()

    assert exchanges(tmp_path) == ["exchange-0", "exchange-1", "exchange-2"]


async def test_a_full_disk_refuses_everything_until_there_is_space(tmp_path: Path) -> None:
    """Every waiter is told; afterwards the index continues and every acknowledged entry is there."""
    files = BrokenFiles()
    ledger = opened(tmp_path, files)
    assert await ledger.append(entry(0)) == 0
    files.full = True

    assert await refused(ledger, 5) == ["audit_unavailable"] * 5
    assert await refused(ledger) == ["audit_unavailable"]
    files.full = False
    after = [await ledger.append(entry(100 + number)) for number in range(2)]
    await ledger.close()
    leaves = list(read_leaves(tmp_path))
    assert list(range(len(leaves))) == [leaf.index for leaf in leaves]
    assert {0: "exchange-0", after[0]: "exchange-100", after[1]: "exchange-101"}.items() <= {
        leaf.index: leaf.exchange for leaf in leaves
    }.items()
    assert open_private(tmp_path, "w", after[1], KEY).private.principal == PRINCIPAL


async def test_a_failed_checkpoint_closes_the_ledger_until_it_is_opened_anew(tmp_path: Path) -> None:
    """After a checkpoint that failed nothing is believed: the journal is opened again before another entry is taken."""
    files = BrokenFiles()
    ledger = opened(tmp_path, files)
    await ledger.append(entry(0))
    files.stuck = True
    with pytest.raises(AuditError):
        await ledger.flush()

    assert await refused(ledger) == ["audit_unavailable"]
    files.stuck = False
    assert await ledger.append(entry(1)) == 1
    await ledger.close()


async def test_a_read_only_disk_refuses_everything(tmp_path: Path) -> None:
    """A file system that was remounted read-only lets nothing through, and the ledger keeps trying."""
    files = BrokenFiles()
    ledger = opened(tmp_path, files)
    files.full = files.frozen = True

    assert await refused(ledger) + await refused(ledger) + await refused(ledger) == ["audit_unavailable"] * 3
    files.full = files.frozen = False
    assert await ledger.append(entry(0)) == 0
    await ledger.close()


async def test_it_is_not_opened_anew_too_soon(tmp_path: Path) -> None:
    """Within the retry time exchanges are refused at once, without another look at the disk."""
    files = BrokenFiles()
    ledger = opened(tmp_path, files, retry=3600.0)
    files.full = True
    await refused(ledger)
    files.full = False
    before = files.durable

    assert (["audit_unavailable"], before) == (await refused(ledger), files.durable)
    with pytest.raises(AuditError):
        await ledger.close()


async def test_a_deleted_directory_is_not_begun_afresh(tmp_path: Path) -> None:
    """Where acknowledged entries disappeared, their indexes are not given out again as if nothing had been."""
    directory, aside = tmp_path / "audit", tmp_path / "aside"
    ledger = opened(directory)
    await ledger.append(entry(0))
    await ledger.flush()
    shutil.copytree(directory, aside)
    shutil.rmtree(directory)

    assert await refused(ledger, 2) + await refused(ledger) == ["audit_unavailable"] * 3
    shutil.rmtree(directory)
    shutil.copytree(aside, directory)
    assert await ledger.append(entry(1)) == 1
    await ledger.close()


async def test_a_directory_that_cannot_be_made_fails_the_start(tmp_path: Path) -> None:
    """A start without a writable audit directory fails, clearly."""
    (tmp_path / "audit").touch()

    with pytest.raises(AuditError, match="cannot be written"):
        opened(tmp_path / "audit")


async def test_a_second_writer_fails_the_start(tmp_path: Path) -> None:
    """Two workers of one name do not write one log."""
    ledger = opened(tmp_path)
    with pytest.raises(AuditError, match="another process"):
        opened(tmp_path)
    await ledger.close()


async def test_an_entry_that_cannot_be_encoded_fails_alone(tmp_path: Path) -> None:
    """One entry without a canonical form is refused; those beside it are written."""
    ledger = opened(tmp_path)
    results = await asyncio.gather(
        ledger.append(entry(0)), ledger.append(entry(exchange="\ud800")), ledger.append(entry(1)), return_exceptions=True
    )
    await ledger.close()

    assert (0, AuditError, 1) == (results[0], type(results[1]), results[2])
    assert exchanges(tmp_path) == ["exchange-0", "exchange-1"]


async def test_too_many_waiting_entries_are_refused(tmp_path: Path) -> None:
    """What waits is bounded: beyond the bound an exchange is refused at once, the others are written."""
    files = BrokenFiles()
    ledger = opened(tmp_path, files)
    results = await asyncio.gather(
        *[ledger.append(entry(number, body=None)) for number in range(MOST_WAITING + 3)], return_exceptions=True
    )
    await ledger.close()

    assert sum(isinstance(result, AuditError) for result in results) == 3
    assert len(exchanges(tmp_path)) == MOST_WAITING


async def test_a_cancelled_waiter_disturbs_nobody(tmp_path: Path) -> None:
    """The entry of an exchange that went away is in the log all the same."""
    ledger = opened(tmp_path)
    gone = asyncio.create_task(ledger.append(entry(0)))
    await asyncio.sleep(0)
    gone.cancel()
    index = await ledger.append(entry(1))
    await ledger.close()

    assert (index, exchanges(tmp_path)) == (1, ["exchange-0", "exchange-1"])
    assert gone.cancelled()


async def test_a_long_recording_is_kept_whole(tmp_path: Path) -> None:
    """A request of many megabytes comes out as it went in."""
    ledger = opened(tmp_path)
    body = os.urandom(3 << 20)
    index = await ledger.append(entry(body=body))
    await ledger.close()

    assert Recording(method="POST", target="/query", body=body) == open_private(tmp_path, "w", index, KEY).recording


async def test_close_writes_what_waits_and_ends_the_clerk(tmp_path: Path) -> None:
    """Entries handed over before a close are written, those after are refused, and nothing stays behind."""
    before = set(threading.enumerate())
    ledger = opened(tmp_path)
    waiting = [asyncio.create_task(ledger.append(entry(number))) for number in range(5)]
    await asyncio.sleep(0)
    await ledger.close()
    await ledger.close()

    assert list(range(5)) == await asyncio.gather(*waiting)
    assert await refused(ledger) == ["audit_unavailable"]
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "clerk"]


async def test_while_the_disk_is_slow_the_loop_goes_on_and_what_comes_is_written_together(tmp_path: Path) -> None:
    """Whatever a durable write takes, the event loop does not wait for it; what came meanwhile shares the next one."""
    files = SlowFiles()
    ledger = opened(tmp_path, files)
    await ledger.append(entry(0))
    files.seconds = 0.1
    first = asyncio.create_task(ledger.append(entry(1)))
    await asyncio.sleep(0.02)
    others = [asyncio.create_task(ledger.append(entry(number))) for number in range(2, 12)]
    turns = 0
    while not first.done():
        await asyncio.sleep(0.001)
        turns += 1
    files.seconds = 0.0

    assert await asyncio.gather(first, *others) == list(range(1, 12))
    assert turns > 1
    await ledger.close()


async def test_an_order_larger_than_the_socket_holds_goes_in_parts(tmp_path: Path) -> None:
    """While a large entry is on its way others wait behind it, and all are written in their order."""
    ledger = opened(tmp_path)
    body = os.urandom(200 << 10)
    indexes = await asyncio.gather(*[ledger.append(entry(number, body=body)) for number in range(20)])
    await ledger.close()

    assert list(range(20)) == indexes
    assert open_private(tmp_path, "w", 19, KEY).recording == Recording(method="POST", target="/query", body=body)


async def test_a_killed_clerk_refuses_what_waited_and_another_goes_on(tmp_path: Path) -> None:
    """After kill -9 of the clerk whoever waited is refused; the next one opens the log and continues its indexes."""
    clerks: list[Companion] = []

    def companion() -> Companion:
        clerks.append(Companion("extproc.audit.clerk"))
        return clerks[-1]

    ledger = Ledger.open(tmp_path, "w", KEYS, origin="o", retry=0.0, companion=companion)
    kept = await asyncio.gather(*[ledger.append(entry(number)) for number in range(10)])
    os.kill(clerks[-1].pid, signal.SIGSTOP)
    waiting = [asyncio.create_task(ledger.append(entry(number))) for number in range(10, 20)]
    await asyncio.sleep(0.05)
    os.kill(clerks[-1].pid, signal.SIGKILL)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    after = await ledger.append(entry(20))
    await ledger.close()

    found = {leaf.index: leaf.exchange for leaf in read_leaves(tmp_path)}
    assert (list(range(10)), 10) == (kept, sum(isinstance(result, AuditError) for result in results))
    assert len(clerks) == 2
    assert {**{index: f"exchange-{index}" for index in kept}, after: "exchange-20"}.items() <= found.items()
    assert list(range(after + 1)) == list(found)


@pytest.mark.parametrize("nonsense", [b"\xff\xff\xff\xff", b"\0\0\0\2{}", orders.frame(["no", "no"])])
async def test_a_clerk_that_says_what_cannot_be_is_done_with(tmp_path: Path, nonsense: bytes) -> None:
    """What is no answer, or one answer too many, acknowledges nothing: whoever waits is refused, and so is who comes after."""
    liar = Liar()
    ledger = Ledger.open(tmp_path, "w", KEYS, retry=3600.0, companion=lambda: cast("Companion", liar))
    waiting = asyncio.create_task(ledger.append(entry(0)))
    await asyncio.sleep(0.01)
    liar.end.sendall(nonsense)
    results = await asyncio.gather(waiting, return_exceptions=True)

    assert [type(result) for result in results] == [AuditError]
    assert await refused(ledger) == ["audit_unavailable"]
    assert liar.killed


def process_file(pid: int, name: str) -> bytes:
    """Return a file of /proc about a process."""
    return Path(f"/proc/{pid}/{name}").read_bytes()


class Liar:
    """A clerk that says it is ready, and then whatever is put into its `end`."""

    def __init__(self) -> None:
        self.connection, self.end = socket.socketpair()
        self.end.sendall(orders.frame(Recovered()))
        self.killed = False

    def kill(self) -> None:
        """Be done with."""
        self.killed = True
        self.connection.close()
        self.end.close()


async def test_the_clerk_inherits_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment holds beside paths and telemetry does not reach it, and no key is in its command line."""
    monkeypatch.setenv("VAULT_TOKEN", "s.secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "7")
    ledger = Ledger.open(tmp_path, "w", KEYS)
    assert ledger._clerk is not None
    told = [process_file(ledger._clerk.pid, name) for name in ("environ", "cmdline")]
    await ledger.append(entry(0))
    await ledger.close()

    assert b"OTEL_EXPORTER_OTLP_TIMEOUT=7" in told[0]
    assert not [each for each in told if b"s.secret" in each or KEY.reveal() in each]


async def test_a_refused_request_is_let_go_of_at_once(tmp_path: Path) -> None:
    """The error of an append does not keep alive what the frames above it hold, were the collector never to run."""
    files = BrokenFiles()
    ledger = opened(tmp_path, files)
    files.full = True

    class Body:
        """What a request holds."""

    async def exchange() -> weakref.ref[Body]:
        body = Body()
        with contextlib.suppress(AuditError):
            await ledger.append(entry(0))
        return weakref.ref(body)

    gc.disable()
    try:
        gone = [await exchange() for _ in range(3)]
        for _ in range(10):  # the loop lets go of what it has called
            await asyncio.sleep(0.001)
        assert [each() for each in gone] == [None] * 3
    finally:
        gc.enable()
    files.full = False
    await ledger.close()


async def test_closing_that_is_cancelled_leaves_nobody_waiting(tmp_path: Path) -> None:
    """While the clerk writes, a close may be cancelled; who handed an entry over before it is told that nothing is known."""
    files = SlowFiles()
    ledger = opened(tmp_path, files)
    files.seconds = 0.2
    first = asyncio.create_task(ledger.append(entry(0)))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(ledger.append(entry(1)))
    await asyncio.sleep(0)
    closing = asyncio.create_task(ledger.close())
    await asyncio.sleep(0.05)
    closing.cancel()
    results = await asyncio.gather(first, second, closing, return_exceptions=True)

    assert [type(result) for result in results] == [AuditError, AuditError, asyncio.CancelledError]


CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support.evidence import KEYS, entry
from extproc.audit.ledger import Ledger

async def exchange(ledger, lane):
    number = lane
    while True:
        index = await ledger.append(entry(number))
        print(index, f"exchange-{number}", flush=True)
        number += 8

async def main():
    ledger = Ledger.open(Path(sys.argv[1]), "w", KEYS, origin="o")
    await asyncio.gather(*[exchange(ledger, lane) for lane in range(8)])

asyncio.run(main())
"""


def test_a_killed_worker_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """After kill -9 in full flight every acknowledged entry is in the log at its index and opens, and the log has no gap."""
    tests = Path(__file__).resolve().parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), str(tests)], stdout=subprocess.PIPE, text=True, cwd=tests.parent
    ) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(300)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
    acknowledged = {int(index): exchange for index, exchange in (line.split() for line in lines if line.endswith("\n"))}

    async def restart() -> int:
        ledger = opened(tmp_path)
        index = await ledger.append(entry(0))
        await ledger.close()
        return index

    following = asyncio.run(restart())
    found = {leaf.index: leaf.exchange for leaf in read_leaves(tmp_path)}
    assert list(range(following + 1)) == list(found)
    assert acknowledged.items() <= found.items()
    assert len(acknowledged) >= 300
    for index in (0, len(acknowledged) // 2, following - 1, following):
        assert open_private(tmp_path, "w", index, KEY).private.principal == PRINCIPAL
