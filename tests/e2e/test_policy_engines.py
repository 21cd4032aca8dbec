"""A gateway on each policy engine: the same answers, the revision in the evidence, changes without a restart, OPA killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from extproc.audit.leaf import Leaf
from extproc.audit.reader import read_leaves
from extproc.engines.source import Source
from support.database import Recorder
from support.gateway import STARTER, Gateway, running
from support.otlp import Receiver, attributes
from support.processes import command, descendants
from support.shelf import JSON, RECORDS

pytestmark = pytest.mark.envoy
PATIENCE = 60
ENGINES = ("embedded", "opa")


@contextmanager
def gateway_on(engine: str, directory: Path, book: Recorder, **changes: Any) -> Iterator[Gateway]:
    """Run a gateway on an engine, under a copy of the starter policy that a test may change."""
    shutil.copytree(STARTER, directory / "policy")
    policy = directory / "policy"
    upstream = f"http://127.0.0.1:{book.port}"
    with running(directory, upstream, policy=policy, engine=engine, **changes) as gateway:
        yield gateway


@pytest.fixture(params=ENGINES)
def gateway(
    request: pytest.FixtureRequest, opa: str, book: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Gateway]:
    """Run a gateway on each engine."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    with gateway_on(request.param, tmp_path, book) as found:
        yield found


def ask(gateway: Gateway, role: str = "reader") -> httpx.Response:
    """Return the answer to a query."""
    with gateway.http(role) as client:
        body = {"query_embeddings": [[0.1, 0.2, 0.3]], "n_results": 3}
        return client.post(f"{RECORDS}/query", content=json.dumps(body).encode(), headers=JSON)


def until(holds: Callable[[], Any]) -> None:
    """Wait for something that other processes do."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def asked_again(gateway: Gateway, answers: list[httpx.Response]) -> httpx.Response:
    """Ask once more, and keep the answer."""
    answers.append(ask(gateway, "admin"))
    return answers[-1]


def leaves(gateway: Gateway) -> list[Leaf]:
    """Return what is on record."""
    return list(read_leaves(gateway.audit))


def opa_of(gateway: Gateway) -> list[int]:
    """Return the process ids of the gateway's OPA."""
    return [pid for pid in descendants(gateway.process.pid) if "--unix-socket-perm" in command(pid)]


def test_the_revision_is_in_every_leaf(gateway: Gateway) -> None:
    """From the start entry on, allowed or denied: the digest of the policy, on both engines the same."""
    allowed, denied = ask(gateway).status_code, ask(gateway, "nobody").status_code
    revision = Source(path=gateway.directory / "policy").bundle().revision

    assert (allowed, denied) == (200, 403)
    assert {(leaf.kind, leaf.revision) for leaf in leaves(gateway)} == {(k, revision) for k in ("start", "intent", "outcome")}


def test_a_changed_policy_takes_effect_and_is_on_record_first(gateway: Gateway) -> None:
    """Without a restart; a bad one changes nothing and is said out loud; every leaf names the revision that decided it."""
    data = gateway.directory / "policy" / "data.yaml"
    document = yaml.safe_load(data.read_text())
    before = ask(gateway)
    for each in document["vecgate"]["classes"].values():
        each["seen_by"].append("role:reader")
    data.write_text(yaml.safe_dump(document))
    until(lambda: ask(gateway).content != before.content)
    second = Source(path=gateway.directory / "policy").bundle().revision
    (gateway.directory / "policy" / "slip.rego").write_text("package vecgate.authz\n\ndenials contains {\n")
    until(lambda: "the old one stays in force" in "".join(gateway.errors))
    after = ask(gateway)
    found = leaves(gateway)
    first_of_second = next(index for index, leaf in enumerate(found) if leaf.revision == second)
    workers = gateway.workers()

    assert (before.status_code, after.status_code) == (200, 200)
    assert (b"[REDACTED]" in before.content, b"[REDACTED]" in after.content) == (True, False)
    assert found[first_of_second].kind == "policy"
    assert {leaf.revision for leaf in found[first_of_second:] if leaf.kind == "intent"} == {second}
    assert len({leaf.revision for leaf in found}) == 2
    assert len(workers) == 1


def test_both_engines_answer_alike(opa: str, book: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte, for whoever asks."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    found = []
    for engine in ENGINES:
        (tmp_path / engine).mkdir()
        with gateway_on(engine, tmp_path / engine, book) as gateway:
            found.append(
                [(answer.status_code, answer.content) for role in ("reader", "admin") for answer in [ask(gateway, role)]]
            )

    assert found[0] == found[1]
    assert [status for status, _ in found[0]] == [200, 200]


def test_spans_name_the_revision(opa: str, book: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The revision that OPA named with the decision is the span's."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    with Receiver() as receiver:
        audit = {"otlp": f"http://127.0.0.1:{receiver.port}"}
        with gateway_on("opa", tmp_path, book, audit=audit) as gateway:
            assert ask(gateway).status_code == 200
            until(lambda: receiver.of_service("vecgate"))
            (span,) = receiver.of_service("vecgate")

    revision = Source(path=tmp_path / "policy").bundle().revision
    assert attributes(span.attributes)["vecgate.policy.revision"] == revision


def test_without_opa_nothing_passes_and_with_it_all_does(
    opa: str, book: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed or hung, OPA costs denials in the engine's own form with a reason, on record; it comes back by itself."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    with gateway_on("opa", tmp_path, book) as gateway:
        workers = gateway.workers()
        assert ask(gateway).status_code == 200
        (first,) = opa_of(gateway)
        seen = len(book.seen)
        os.kill(first, signal.SIGSTOP)
        answers = [ask(gateway, "admin")]
        os.kill(first, signal.SIGKILL)
        until(lambda: asked_again(gateway, answers).status_code == 200)
        until(lambda: opa_of(gateway) not in ([first], []))
        reached = len(book.seen) - seen
        assert gateway.workers() == workers
        denied = [leaf.reasons[0] for leaf in leaves(gateway) if leaf.end == "denied"]
        assert gateway.stop() == 0
        left = opa_of(gateway)
    refused = [json.loads(answer.content)["message"] for answer in answers[:-1]]

    assert {answer.status_code for answer in answers[:-1]} == {403}
    assert [reason for reason, text in zip(denied, refused, strict=True) if reason not in text] == []
    assert set(denied) <= {"policy_late", "policy_unavailable"}
    assert reached == 1
    assert left == []
