"""An auditor's questions, end to end: who did what, what came back, who has seen a record, and a person erased for good."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from chromadb.errors import ChromaError

from extproc.audit import keys, reader
from extproc.audit.reader import read_leaves
from extproc.secret import SecretFile
from support.gateway import STARTER, Gateway, running
from support.ports import free_port

pytestmark = [pytest.mark.envoy, pytest.mark.timeout(300)]  # each command of the program is a process of its own

COLLECTION = "sessions-tickets"
RITA, OMAR, ZOE = "rita@corp.test", "omar@corp.test", "zoe.erased@corp.test"
SECRET = "zoes-very-own-question"


@pytest.fixture(scope="module")
def gateway(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway that three people have used."""
    with used(chroma, tmp_path_factory.mktemp("sessions")) as found:
        yield found


@contextmanager
def used(chroma: int, directory: Path) -> Iterator[Gateway]:
    """Run a gateway that records answers, and have three people look at records."""
    changes: dict[str, Any] = {
        "control": {"listen": f"127.0.0.1:{free_port()}"},
        "audit": {"recording": "full", "otlp": f"http://127.0.0.1:{free_port()}"},  # nobody is there, and yet there are traces
        "workers": 2,
        "store": "sqlite:///var/vecgate.db",
    }
    with running(directory, f"http://127.0.0.1:{chroma}", policy=STARTER, **changes) as found:
        admin = found.chroma(token=person(found, OMAR, "admin"))
        made = admin.get_or_create_collection(COLLECTION, embedding_function=None)
        made.upsert(
            ids=["T-1", "T-2"],
            embeddings=[[1.0, 0.0], [0.0, 1.0]],
            metadatas=[{"email": "a@example.net", "product": "payments"}, {"email": "b@example.net", "product": "other"}],
        )
        made.get(ids=["T-1"])
        for somebody in (RITA, ZOE):
            theirs = found.chroma(token=person(found, somebody, "reader")).get_collection(COLLECTION, embedding_function=None)
            theirs.query(query_embeddings=[[1.0, 0.0]], n_results=1, where={"product": {"$ne": SECRET}})
            theirs.get(ids=["T-2"])
        with pytest.raises(ChromaError, match="action_not_granted"):
            theirs.delete(ids=["T-1"])
        yield found


def person(gateway: Gateway, email: str, *roles: str) -> str:
    """Return the token of somebody."""
    return gateway.issuer.token(*roles, sub=email.partition("@")[0], email=email)


def command(gateway: Gateway, *arguments: str, token: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program with a token."""
    file = gateway.directory / "me.token"
    file.write_text(token)
    line = [sys.executable, "-m", "extproc", *arguments, "-c", str(gateway.config), "--token-file", str(file)]
    return subprocess.run(line, check=False, capture_output=True, text=True)


def ask(gateway: Gateway, *arguments: str, email: str = "ada@corp.test", role: str = "auditor") -> Any:
    """Return the answer of a command to an auditor, as JSON."""
    done = command(gateway, *arguments, "--json", token=person(gateway, email, role))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def listed(gateway: Gateway, *filters: str) -> list[dict[str, Any]]:
    """Return sessions on the collection, without what auditors asked about it, which is on record too."""
    found = ask(gateway, "sessions", "list", "--collection", COLLECTION, *filters)["sessions"]
    return [each for each in found if each["kind"] != "administration"]


def post(gateway: Gateway, path: str, body: dict[str, Any], token: str) -> httpx.Response:
    """Ask the control API."""
    url = f"http://{yaml.safe_load(gateway.config.read_text())['control']['listen']}"
    return httpx.post(f"{url}{path}", json=body, headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=60)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("--person", RITA), {(RITA, "search"), (RITA, "scroll")}),
        (("--principal", "https://idp.test/realms/main#rita"), {(RITA, "search"), (RITA, "scroll")}),
        (("--decision", "deny"), {(ZOE, "delete_records")}),
        (("--reason", "action_not_granted"), {(ZOE, "delete_records")}),
        (("--action", "upsert"), {(OMAR, "upsert")}),
        (("--masked", "email", "--action", "search"), {(RITA, "search"), (ZOE, "search")}),
        (("--since", "2020-01-01", "--until", "2020-02-01"), set()),
        (("--since", "1h", "--database", "kb", "--action", "search"), {(RITA, "search"), (ZOE, "search")}),
        (("--database", "other"), set()),
    ],
)
def test_sessions_are_found_by_what_is_asked(gateway: Gateway, filters: tuple[str, ...], expected: set[Any]) -> None:
    """Each filter keeps what it names, of every worker."""
    found = {(each["person"], each["action"]) for each in listed(gateway, *filters)}

    assert {each for each in found if each[1] not in {"describe_collection", "create_collection"}} == expected


def test_who_has_seen_a_record_since_then_in_clear_or_masked(gateway: Gateway) -> None:
    """One question, at every level of recording; each row says how."""
    found = {(each["person"], each["shown"]) for each in listed(gateway, "--record", "T-1", "--since", "2026-01-01")}
    drawn = command(
        gateway,
        "sessions",
        "list",
        "--record",
        "T-1",
        "--since",
        "2026-01-01",
        token=person(gateway, "ada@corp.test", "auditor"),
    )

    assert found == {(OMAR, "clear"), (RITA, "masked"), (ZOE, "masked")}
    assert ["in clear" in line for line in drawn.stdout.splitlines() if OMAR in line] == [True]
    assert {"masked: email" in line for line in drawn.stdout.splitlines() if RITA in line} == {True}


def test_a_session_is_shown_with_what_was_asked_and_what_came_back(gateway: Gateway) -> None:
    """The answer as it was delivered, masked; the request as it was forwarded; who, and by which decision."""
    (session,) = listed(gateway, "--person", RITA, "--action", "search")
    found = ask(gateway, "sessions", "show", session["exchange"])
    drawn = command(gateway, "sessions", "show", session["exchange"], token=person(gateway, "ada@corp.test", "auditor"))

    assert [(each["kind"], each["state"], each["end"]) for each in found["entries"]] == [
        ("intent", "kept", None),
        ("outcome", "kept", "delivered"),
    ]
    assert (found["principal"]["person"], found["approval"], len(found["trace"])) == (RITA, None, 32)
    assert SECRET in json.dumps(found["request"]["body"])
    assert (found["answer"]["status"], found["answer"]["body"]["metadatas"]) == (
        200,
        [[{"email": "[REDACTED]", "product": "payments"}]],
    )
    assert found["entries"][1]["operations"][0]["masked_fields"] == ["email"]
    assert [text in drawn.stdout for text in (SECRET, "[REDACTED]", found["trace"], "T-1")] == [True] * 4


def test_a_list_has_its_bounds_and_says_when_there_is_more(gateway: Gateway) -> None:
    """Page by page nothing is missed and nothing comes twice."""
    whole = [each["exchange"] for each in listed(gateway, "--until", "2999-01-01", "--action", "scroll")]
    pages, until = [], "2999-01-01"
    while until is not None:
        page = ask(
            gateway, "sessions", "list", "--collection", COLLECTION, "--action", "scroll", "--limit", "1", "--until", until
        )
        pages += [each["exchange"] for each in page["sessions"]]
        until = page["until"]
    drawn = command(gateway, "sessions", "list", "--limit", "1", token=person(gateway, "ada@corp.test", "auditor"))

    assert (pages, len(pages)) == (whole, 3)
    assert drawn.stderr.startswith("there are more: --until 20")


@pytest.mark.parametrize(
    ("path", "body", "role"),
    [
        ("/v1/sessions/list", {}, "reader"),
        ("/v1/sessions/list", {"person": RITA}, "admin"),
        ("/v1/sessions/show", {"id": "0" * 32}, "reader"),
        ("/v1/erase", {"person": RITA, "reason": "r"}, "auditor"),
        ("/v1/erase", {"person": RITA, "preview": True}, "auditor"),
    ],
)
def test_whoever_may_not_is_refused_and_on_record(gateway: Gateway, path: str, body: dict[str, Any], role: str) -> None:
    """An auditor reads and does not erase; nothing is told of what is there."""
    answer = post(gateway, path, body, person(gateway, "mallory@corp.test", role))
    (entry,) = [leaf for leaf in read_leaves(gateway.audit, "control") if leaf.exchange == answer.json()["exchange"]]

    assert (answer.status_code, answer.json()["error"]) == (403, "act_not_granted")
    assert (entry.kind, entry.decision, entry.end, entry.facts[0].action) == (
        "administration",
        "deny",
        "denied",
        "erase" if path == "/v1/erase" else "session_read",
    )


def test_nobody_erases_their_own_traces(gateway: Gateway) -> None:
    """Not by their person, their principal or one of their sessions."""
    token = person(gateway, OMAR, "platform-admin")
    (session,) = listed(gateway, "--person", OMAR, "--action", "upsert")
    bodies = [{"person": OMAR}, {"principal": "https://idp.test/realms/main#omar"}, {"recording": session["exchange"]}]
    answers = [post(gateway, "/v1/erase", body | {"reason": "r"}, token) for body in bodies]

    assert [(each.status_code, each.json()["error"]) for each in answers] == [(403, "own_erasure")] * 3


def everything(gateway: Gateway) -> bytes:
    """Return all bytes that the gateway keeps: evidence, and the store with what lies beside it."""
    kept = [path for path in (gateway.directory / "var").rglob("*") if path.is_file() and "keys" not in path.parts]
    return b"".join(path.read_bytes() for path in kept)


def opened(gateway: Gateway) -> bytes:
    """Return all that can be read with the sealing key."""
    key = keys.sealing_key(SecretFile(path=gateway.directory / "var" / "keys" / "sealing.key"))
    found = [
        repr((entry.private, entry.recording))
        for worker in reader.workers(gateway.audit)
        for _, entry in reader.read_entries(gateway.audit, worker, key)
        if entry is not None
    ]
    return "\n".join(found).encode()


def test_an_erased_person_is_in_no_file_and_the_log_still_verifies(chroma: int, tmp_path: Path) -> None:
    """Their values are nowhere, sealed or in the open, with workers at work; erased is told from tampered with."""
    with used(chroma, tmp_path) as gateway:
        (session,) = listed(gateway, "--person", ZOE, "--action", "search")
        assert ZOE.encode() in opened(gateway)
        assert ZOE.encode() in everything(gateway)  # in the index
        token = person(gateway, "root@corp.test", "platform-admin")
        preview = command(gateway, "audit", "erase", "--person", ZOE, "--preview", "--json", token=token)
        assert ZOE.encode() in opened(gateway)
        done = command(gateway, "audit", "erase", "--person", ZOE, "--reason", "asked for in ticket 77", "--json", token=token)
        assert (done.returncode, done.stderr) == (0, "")

        erased, foreseen = json.loads(done.stdout), json.loads(preview.stdout)
        assert foreseen["entries"] + 1 == erased["entries"]  # and the request itself
        assert set(erased["logs"]) == set(reader.workers(gateway.audit))
        assert [text.encode() in opened(gateway) for text in (ZOE, "zoe.erased", RITA, "ticket 77")] == [
            False,
            False,
            True,
            True,
        ]
        assert [text.encode() in everything(gateway) for text in (ZOE, "zoe.erased", RITA)] == [False, False, True]

        told = command(gateway, "sessions", "show", session["exchange"], token=person(gateway, "ada@corp.test", "auditor"))
        assert (told.stdout.count("erased: "), ZOE in told.stdout, SECRET in told.stdout) == (2, False, False)
        assert {each["person"] for each in listed(gateway, "--record", "T-1")} == {OMAR, RITA}
        line = [sys.executable, "-m", "extproc", "audit", "verify", str(gateway.audit), "-c", str(gateway.config), "--json"]
        verified = subprocess.run(line, check=False, capture_output=True, text=True)
        assert (verified.returncode, verified.stderr) == (0, "")
        logs = json.loads(verified.stdout)["logs"]
        assert {each["log"].rpartition("/")[2]: each["erased"] for each in logs} == erased["logs"]

        path = next(path for path in (gateway.audit / "private" / "worker-0").glob("*.keys"))
        with path.open("r+b") as file:  # the key of the first entry, which nobody had erased
            file.write(bytes(64))
        removed = subprocess.run(line, check=False, capture_output=True, text=True)
        assert (removed.returncode, "the key was destroyed, and no receipt says so" in removed.stderr) == (1, True)


def test_the_index_holds_no_id_of_a_record(gateway: Gateway) -> None:
    """Records are found by a keyed hash."""
    listed(gateway)
    with sqlite3.connect(gateway.directory / "var" / "vecgate.db") as connection:
        seen = [row[0] for row in connection.execute("SELECT record FROM seen")]
    connection.close()

    assert ({len(each) for each in seen}, {"T-1", "T-2"} & set(seen)) == ({32}, set())
