"""Locks, end to end: set by a person through the control API while requests run, on every worker, until they are lifted."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.audit.reader import read_leaves
from support.database import Recorder
from support.gateway import STARTER, Gateway, running
from support.issuer import TestIssuer
from support.ports import free_port
from support.postgresql import PASSWORD, PostgreSQL, postgresql
from support.shelf import JSON, RECORDS, get_answer

pytestmark = [pytest.mark.envoy, pytest.mark.timeout(300)]  # each command of the program is a process of its own
WORKERS = 2
SETTLED = 24
"""So many answers in a row come from every worker."""


@pytest.fixture(scope="module")
def gateway(book: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway of two workers with a control API."""
    with controlled(tmp_path_factory.mktemp("locks"), book, TestIssuer()) as found:
        yield found


def controlled(directory: Path, book: Recorder, issuer: TestIssuer, **changes: Any) -> Any:
    """Return a gateway of two workers with a control API."""
    control = {"listen": f"127.0.0.1:{free_port()}", "admins": ["role:platform-admin"]}
    upstream = f"http://127.0.0.1:{book.port}"
    return running(directory, upstream, policy=STARTER, issuer=issuer, workers=WORKERS, control=control, **changes)


def lock(gateway: Gateway, *arguments: str, role: str = "platform-admin", **claims: Any) -> subprocess.CompletedProcess[str]:
    """Run `vecgate lock` as a person with a role."""
    token = gateway.directory / "person.token"
    token.write_text(gateway.issuer.token(role, **claims))
    command = [sys.executable, "-m", "extproc", "lock", *arguments, "-c", str(gateway.config), "--token-file", str(token)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def added(gateway: Gateway, kind: str, value: str) -> str:
    """Set a lock and return its id."""
    done = lock(gateway, "add", kind, value, "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)[0]["id"])


def ask(gateway: Gateway, **claims: Any) -> str:
    """Send a request of a reader; return the reason for which it was refused, or that it was not."""
    token = gateway.issuer.token("reader", **claims)
    headers = JSON | {"x-chroma-token": token}
    answer = httpx.post(f"{gateway.url}{RECORDS}/get", content=b"{}", headers=headers, trust_env=False, timeout=60)
    known = ("access_locked", "locks_unknown")
    return "let in" if answer.status_code == 200 else next((code for code in known if code in answer.text), answer.text)


def settle(what: Callable[[], str], wanted: str) -> bool:
    """Wait until the answer is always this one: on every worker, and not the other way round again."""
    row, deadline = 0, time.monotonic() + 90
    while row < SETTLED:
        row = row + 1 if what() == wanted else 0
        if time.monotonic() > deadline:
            return False
    return True


LOCKED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "principal": ("https://idp.test/realms/main#p-1", {"sub": "p-1"}, {"sub": "p-2"}),
    "person": ("p@corp.test", {"email": "p@corp.test"}, {"email": "q@corp.test"}),
    "role": ("temp", {"realm_access": {"roles": ["reader", "temp"]}}, {}),
    "token": ("jti-1", {"jti": "jti-1"}, {"jti": "jti-2"}),
}


@pytest.mark.parametrize("kind", LOCKED)
def test_a_lock_keeps_out_whom_it_names_until_it_is_lifted(gateway: Gateway, kind: str) -> None:
    """The locked one is refused by every worker, its neighbour is not, and afterwards it is let in again."""
    value, locked, neighbour = LOCKED[kind]
    assert ask(gateway, **locked) == "let in"

    one = added(gateway, kind, value)
    assert settle(lambda: ask(gateway, **locked), "access_locked")
    assert ask(gateway, **neighbour) == "let in"

    assert lock(gateway, "lift", one).returncode == 0
    assert settle(lambda: ask(gateway, **locked), "let in")


@pytest.mark.parametrize(("kind", "value"), [("database", "kb"), ("issuer", "https://idp.test/realms/main")])
def test_a_lock_of_a_database_or_an_issuer_keeps_everybody_out(book: Recorder, tmp_path: Path, kind: str, value: str) -> None:
    """Under load, on every worker; and it survives a restart of everything."""
    issuer = TestIssuer()
    with controlled(tmp_path, book, issuer) as gateway:
        answers: Counter[str] = Counter()
        over = threading.Event()

        def load() -> None:
            while not over.is_set():
                answers[ask(gateway)] += 1

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        added(gateway, kind, value)
        settled = settle(lambda: ask(gateway), "access_locked")
        over.set()
        for thread in threads:
            thread.join()
        assert settled
        assert set(answers) == {"let in", "access_locked"}

    with controlled(tmp_path, book, issuer) as gateway:
        assert ask(gateway) == "access_locked"


def test_a_lock_under_load_holds_on_every_worker_and_none_lets_anything_out_after(gateway: Gateway) -> None:
    """From the first request that a worker keeps out on, it lets out no answer either, whatever was under way."""
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            ask(gateway, sub="busy")

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert settle(lambda: ask(gateway, sub="busy"), "let in")
        added(gateway, "principal", "https://idp.test/realms/main#busy")
        assert settle(lambda: ask(gateway, sub="busy"), "access_locked")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    acts = [leaf for leaf in read_leaves(gateway.audit, "control") if leaf.kind == "administration"]
    locked = [leaf for leaf in acts if leaf.end is None][-1].time
    ends: dict[str, list[bool]] = {}
    for leaf in read_leaves(gateway.audit):
        let_out = leaf.kind == "outcome" and leaf.end == "delivered"
        if leaf.time > locked and (let_out or "access_locked" in leaf.reasons):
            ends.setdefault(leaf.log, []).append(let_out)

    assert {worker: sorted(each, reverse=True) for worker, each in ends.items()} == ends
    assert len(ends) == WORKERS


def test_an_answer_that_was_under_way_is_withheld(gateway: Gateway, book: Recorder) -> None:
    """Whoever is locked out while the database works gets nothing of the answer."""
    working, go_on = threading.Event(), threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        working.set()
        go_on.wait(60)
        body = json.dumps(get_answer()).encode()
        handler.send_response_only(200)
        for name, value in {**JSON, "content-length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    usual, book.answers[f"{RECORDS}/get"] = book.answers[f"{RECORDS}/get"], slow
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(ask(gateway, sub="slow")))
    try:
        thread.start()
        assert working.wait(60)
        book.answers[f"{RECORDS}/get"] = usual
        added(gateway, "principal", "https://idp.test/realms/main#slow")
        assert settle(lambda: ask(gateway, sub="slow"), "access_locked")
    finally:
        book.answers[f"{RECORDS}/get"] = usual
        go_on.set()
        thread.join()

    assert told == ["access_locked"]


def test_who_may_not_change_locks_changes_none(gateway: Gateway) -> None:
    """Without the right, and without a good token, nothing is set; both are told why."""
    denied = lock(gateway, "add", "person", "victim@corp.test", role="reader")
    stale = lock(gateway, "add", "person", "victim@corp.test", exp=1, iat=0)

    assert (denied.returncode, stale.returncode) == (1, 1)
    assert "token_expired" in stale.stderr
    assert "victim@corp.test" not in lock(gateway, "list").stdout


def test_who_is_locked_out_lifts_nothing(gateway: Gateway) -> None:
    """The control API is closed to the locked as well, so nobody lifts their own lock."""
    own = added(gateway, "person", "rogue@corp.test")

    assert settle(
        lambda: lock(gateway, "lift", own, email="rogue@corp.test").stderr.partition("(")[2][:13], "access_locked"
    ) or ("access_locked" in lock(gateway, "lift", own, email="rogue@corp.test").stderr)
    assert own in lock(gateway, "list").stdout
    assert lock(gateway, "lift", own).returncode == 0


def test_changes_of_locks_are_on_record_and_name_nobody_in_the_open(gateway: Gateway) -> None:
    """Before it is done and after; who is locked is sealed."""
    one = added(gateway, "person", "ada@corp.test")
    lock(gateway, "lift", one)
    leaves = [leaf for leaf in read_leaves(gateway.audit, "control") if leaf.kind == "administration"]

    assert [(leaf.facts[0].action, leaf.decision, leaf.end) for leaf in leaves[-4:]] == [
        ("lock_change", "allow", None),
        ("lock_change", "allow", "delivered"),
    ] * 2
    everything = b"".join(path.read_bytes() for path in gateway.audit.rglob("*") if path.is_file())
    assert b"ada@corp.test" not in everything


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server."""
    with postgresql() as found:
        yield found


def test_a_store_that_is_away_for_too_long_closes_everything(book: Recorder, tmp_path: Path, server: PostgreSQL) -> None:
    """A lock that cannot be seen must not be missed: once what is known is too old nobody is let in, and then all are again."""
    (tmp_path / "store.key").write_text(PASSWORD)
    store = {"store": server.url, "store_password": {"file": "store.key"}}
    with controlled(tmp_path, book, TestIssuer(), **store, limits={"locks_age": "2s"}) as gateway:
        assert ask(gateway) == "let in"
        server.stop()
        assert settle(lambda: ask(gateway), "locks_unknown")
        server.start()
        assert settle(lambda: ask(gateway), "let in")
        added(gateway, "person", "someone@corp.test")
        assert settle(lambda: ask(gateway, email="someone@corp.test"), "access_locked")
