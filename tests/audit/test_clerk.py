"""The clerk's process: it outlives its worker just as long as it has something to write, and two of one name never write."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from extproc.audit import orders
from extproc.audit.orders import Append, Opening, Origin, Unready
from extproc.audit.reader import read_leaves
from extproc.audit.recovery import Recovered
from extproc.companion import Companion
from support.evidence import KEYS, PRINCIPAL, entry
from support.otlp import Receiver


def opening(directory: Path, *, otlp: str | None = None) -> bytes:
    """Return the first frame."""
    return orders.frame(
        Opening(
            directory=str(directory),
            worker="w",
            sealing_key=KEYS.sealing.reveal(),
            signing_keys=tuple(pem.reveal() for pem in KEYS.signing),
            origin="o",
            segment_bytes=1 << 20,
            retry=0.0,
            cadence=1.0,
            heartbeat=600.0,
            otlp=otlp,
        )
    )


def readiness(connection: socket.socket) -> Recovered | Unready:
    """Return what a clerk says first."""
    frames = orders.Frames()
    while (content := frames.next()) is None:
        frames.feed(connection.recv(4096))
    return orders.read_readiness(content)


def started(directory: Path, *, otlp: str | None = None) -> Companion:
    """Return a clerk that is ready."""
    clerk = Companion("extproc.audit.clerk")
    clerk.connection.settimeout(30)
    clerk.connection.sendall(opening(directory, otlp=otlp))
    assert isinstance(readiness(clerk.connection), Recovered)
    return clerk


def test_what_a_dead_worker_had_handed_over_is_still_written(tmp_path: Path) -> None:
    """Orders that were sent are carried out though nobody waits any more; then the process ends and leaves tidy files."""
    clerk = started(tmp_path)
    clerk.connection.sendall(b"".join(orders.frame(Append(entry=entry(number))) for number in range(50)))
    clerk.leave(30)

    assert [leaf.exchange for leaf in read_leaves(tmp_path)] == [f"exchange-{number}" for number in range(50)]
    again = started(tmp_path)
    again.leave(30)


def test_a_successor_waits_until_its_predecessor_has_ended(tmp_path: Path) -> None:
    """A clerk that finds the log in use waits a little, and opens it once the other has let go."""
    first = started(tmp_path)
    second = Companion("extproc.audit.clerk")
    second.connection.settimeout(30)
    second.connection.sendall(opening(tmp_path))
    time.sleep(0.5)
    first.leave(30)

    assert isinstance(readiness(second.connection), Recovered)
    second.leave(30)


def test_spans_are_told_once_the_entry_is_durable(tmp_path: Path) -> None:
    """A span comes with the index that the entry has in the log; an entry without origin tells none."""
    with Receiver() as receiver:
        clerk = started(tmp_path, otlp=receiver.endpoint)
        span = Origin(started=1, traceparent=None, principal=PRINCIPAL.id)
        clerk.connection.sendall(orders.frame(Append(entry=entry(0))) + orders.frame(Append(entry=entry(1), span=span)))
        clerk.leave(30)
        told = receiver.wait(1)

    assert [attribute.value.int_value for _, each in told for attribute in each.attributes if "index" in attribute.key] == [1]


def test_a_terminal_that_is_interrupted_does_not_interrupt_the_clerk(tmp_path: Path) -> None:
    """It is in a session of its own: its worker ends it in good order."""
    clerk = started(tmp_path)

    assert os.getsid(clerk.pid) == clerk.pid
    clerk.leave(30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_clerk_does_not_outlive_its_worker(tmp_path: Path, number: signal.Signals) -> None:
    """However the worker ends, the clerk has ended soon after."""
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); from support.evidence import KEYS;"
        "from extproc.audit.ledger import Ledger; ledger = Ledger.open(Path(sys.argv[1]), 'w', KEYS);"
        "print(ledger._clerk.pid, flush=True); input()"
    )
    tests = Path(__file__).resolve().parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(tests)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tests.parent,
    ) as worker:
        assert worker.stdout is not None
        clerk = int(worker.stdout.readline())
        worker.send_signal(number)
        worker.wait(30)
    until = time.monotonic() + 30
    while Path(f"/proc/{clerk}").exists() and time.monotonic() < until:
        time.sleep(0.02)

    assert not Path(f"/proc/{clerk}").exists()
