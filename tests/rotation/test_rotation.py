"""Keys change while requests run: the short form of ``make rotation``, and that it would find what it looks for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from extproc.audit.reader import read_leaves
from rotation.drive import Found, Stage, drive, places, search, stage, told
from support.shelf import JSON, RECORDS

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Run everything that takes part."""
    with stage(tmp_path_factory.mktemp("rotation")) as found:
        yield found


def test_both_keys_change_under_load_and_no_request_fails(at: Stage) -> None:
    """Every answer is a success, no worker was started again, and no key and no token lies where others can read."""
    found = drive(at, 3)

    assert set(found.statuses) == {200}
    assert (found.restarts, found.leaks) == (0, [])


def test_a_secret_that_was_written_down_would_be_found(at: Stage) -> None:
    """The search sees a key in a log, in an answer, a token in the evidence, a part of one in a span and in what lies about."""
    token = at.keys.issuer.token("reader")
    at.secrets.append(token)
    at.gateway.errors.append(f"worker-0: {at.secrets[0]}\n")
    answer = f"who is {at.secrets[0]}?".encode()
    at.answers.add(answer)
    files = [at.gateway.audit / "notes", at.gateway.directory / "var" / "notes"]
    for file in files:
        file.write_text(token)
    raw, at.spans.raw = at.spans.raw, at.spans.raw + token.split(".")[2].encode()
    found = Found(turns=0)
    search(at, found)
    at.gateway.errors.pop()
    at.answers.remove(answer)
    for file in files:
        file.unlink()
    at.spans.raw = raw

    assert {leak.partition(" ")[0] for leak in found.leaks} == {"standard", "audit/notes", "spans", "var/notes", "answers"}


def test_processes_and_envoys_configuration_are_among_what_is_searched(at: Stage) -> None:
    """What each process was started with, and the bootstrap as it lies on the disk and as Envoy tells it."""
    searched = dict(places(at))
    workers = at.gateway.workers()

    assert len(workers) == 2
    assert all(b"serve" in searched[f"command line of {pid}"] for pid in workers)
    assert all(b"PATH=" in searched[f"environment of {pid}"] for pid in (*workers, at.gateway.envoy()))
    assert all(b"x-chroma-token" in searched[place] for place in ("var/envoy.json", "Envoy's config_dump?include_eds"))


def test_a_refused_key_raises_an_alert_without_the_key(at: Stage) -> None:
    """Nobody's request gets through; the client is told nothing of the database's words, and an entry asks for somebody."""
    accepted, at.database.accepted = at.database.accepted, set()
    try:
        with at.gateway.http("reader") as client:
            answers = [client.post(f"{RECORDS}/get", content=b"{}", headers=JSON) for _ in range(5)]
    finally:
        at.database.accepted = accepted
    leaves = list(read_leaves(at.gateway.audit))

    assert {answer.status_code for answer in answers} == {502}
    assert all("credential_refused" in answer.text and "who are you" not in answer.text for answer in answers)
    alerts = [leaf for leaf in leaves if leaf.kind == "alert"]
    assert {(leaf.database, leaf.reasons) for leaf in alerts} == {("kb", ("credential_refused",))}
    assert len(alerts) <= 2, "each worker says it once a minute"
    found = Found(turns=0)
    at.answers.update(told(answer) for answer in answers)
    search(at, found)
    assert found.leaks == []
    with at.gateway.http("reader") as client:
        assert client.post(f"{RECORDS}/get", content=b"{}", headers=JSON).status_code == 200
