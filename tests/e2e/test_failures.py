"""Everything that can break mid-exchange, on a real Envoy: each ends in a refusal, and nothing unmasked comes out."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.audit.leaf import Leaf
from extproc.audit.reader import read_leaves
from support import processes
from support.database import Recorder, recorder
from support.gateway import ALLOW_ALL, STARTER, Gateway, running
from support.shelf import EMAIL, JSON, RECORDS, TEXT, fill

pytestmark = pytest.mark.envoy
LIMIT = 64 << 10


@pytest.fixture(scope="module")
def gateway(book: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under the starter policy with a small body limit."""
    with running(
        tmp_path_factory.mktemp("failures"),
        f"http://127.0.0.1:{book.port}",
        policy=STARTER,
        limits={"body": "64KiB", "message_timeout": "10s"},
    ) as found:
        yield found


@pytest.fixture(autouse=True)
def _fresh_shelf(book: Recorder) -> None:
    fill(book)


def ask(gateway: Gateway, action: str = "get", body: bytes = b"{}", *roles: str) -> httpx.Response:
    """Return the answer to one request as a reader."""
    with gateway.http(*(roles or ("reader",))) as client:
        return client.post(f"{RECORDS}/{action}", content=body, headers=JSON)


def reason(response: httpx.Response) -> str:
    """Return the native error's message, having seen that no value stands in the answer."""
    assert EMAIL.encode() not in response.content
    assert TEXT.encode() not in response.content
    assert response.headers["content-type"] == "application/json"
    message: str = response.json()["message"]
    return message


def leaves(gateway: Gateway) -> list[Leaf]:
    """Return every leaf of every worker."""
    return list(read_leaves(gateway.audit))


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait until `condition` gives something, and return it."""
    for _ in range(400):
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail("waited in vain")


def test_the_starter_policy_masks_what_this_shelf_holds(gateway: Gateway) -> None:
    """The nearest allowed twin of every failure below: the answer comes, masked."""
    response = ask(gateway)

    assert response.status_code == 200
    assert response.json()["ids"] == ["t1"]
    assert EMAIL.encode() not in response.content
    assert TEXT.encode() not in response.content
    assert response.json()["embeddings"] is None


# --- policy ---

UNDEFINED = 'package vecgate.authz\n\ndecision := {"allow": true} if input.operation.action == "never"\n'
RAISING = 'package vecgate.authz\n\ndecision := {"allow": allowed} if some allowed in [true, false]\n'
INVALID = 'package vecgate.authz\n\ndecision := {"allow": "yes", "secret": input.principal.subject}\n'


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        (UNDEFINED, {"policy_undefined"}),
        (RAISING, {"policy_error", "policy_ambiguous"}),
        (INVALID, {"decision_invalid"}),
    ],
    ids=["undefined", "raises", "invalid"],
)
def test_a_policy_that_gives_no_decision_denies(tmp_path: Path, book: Recorder, source: str, codes: set[str]) -> None:
    """Undefined, raising or malformed: the request is refused with its own reason and never reaches the database."""
    policy = tmp_path / "policy"
    policy.mkdir()
    (policy / "broken.rego").write_text(source)
    with running(tmp_path, f"http://127.0.0.1:{book.port}", policy=policy) as gateway:
        before = len([seen for seen in book.seen if seen.target.endswith("/get")])
        response = ask(gateway)

        assert response.status_code == 403
        assert any(code in reason(response) for code in codes)
        assert len([seen for seen in book.seen if seen.target.endswith("/get")]) == before
        assert {code for leaf in leaves(gateway) for code in leaf.reasons} & codes


# --- evidence and credential ---


def test_nothing_passes_while_the_log_cannot_be_written(tmp_path: Path, book: Recorder) -> None:
    """A log that the disk refuses stops every request before it leaves."""
    with running(tmp_path, f"http://127.0.0.1:{book.port}") as gateway:
        assert ask(gateway).status_code == 200
        for worker in gateway.workers():
            for pid in processes.clerks(worker):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        before = len(book.seen)

        response = ask(gateway)

        assert response.status_code == 500
        assert "audit_unavailable" in reason(response)
        assert len(book.seen) == before


def test_nothing_passes_without_the_gateways_credential(tmp_path: Path, book: Recorder) -> None:
    """A credential file that is gone stops the request; once it is back, with another key, that key is used at once."""
    with running(tmp_path, f"http://127.0.0.1:{book.port}") as gateway:
        assert ask(gateway).status_code == 200
        (tmp_path / "kb.key").rename(tmp_path / "kb.gone")
        before = len(book.seen)

        response = ask(gateway)

        assert response.status_code == 500
        assert "credential_unavailable" in reason(response)
        assert len(book.seen) == before

        (tmp_path / "kb.key").write_text("rotated-key")
        assert ask(gateway).status_code == 200
        assert [value for name, value in book.last().headers if name == "x-chroma-token"] == ["rotated-key"]


# --- processes ---


def test_a_worker_killed_mid_request_releases_nothing_and_comes_back(gateway: Gateway, book: Recorder) -> None:
    """The client of a killed worker gets an error and none of the answer; its successor serves the next request."""
    reached, release = threading.Event(), threading.Event()

    def slow(handler: Any) -> None:
        reached.set()
        release.wait(20)
        body = json.dumps({"ids": ["t1"], "documents": [TEXT], "metadatas": [{"email": EMAIL}], "include": []}).encode()
        handler.send_response_only(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    book.answers[f"{RECORDS}/get"] = slow
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(ask(gateway)))
    asking.start()
    assert reached.wait(20)
    for pid in gateway.workers():
        os.kill(pid, signal.SIGKILL)
    release.set()
    asking.join(30)

    assert answers[0].status_code == 500
    assert EMAIL.encode() not in answers[0].content
    assert TEXT.encode() not in answers[0].content
    fill(book)
    assert wait_for(lambda: ask(gateway).status_code == 200)


def test_a_gateway_that_is_stopped_mid_request_lets_it_end_masked(tmp_path: Path, book: Recorder) -> None:
    """On SIGTERM what is under way is answered, masked; then the gateway leaves with status 0 and a stop on record."""
    reached, release = threading.Event(), threading.Event()
    filled = book.answers[f"{RECORDS}/get"]

    def slow(handler: Any) -> None:
        reached.set()
        release.wait(20)
        handler.send_response_only(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(filled[2])))
        handler.end_headers()
        handler.wfile.write(filled[2])

    book.answers[f"{RECORDS}/get"] = slow
    with running(tmp_path, f"http://127.0.0.1:{book.port}", policy=STARTER) as gateway:
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(ask(gateway)))
        asking.start()
        assert reached.wait(20)
        gateway.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        release.set()
        asking.join(30)

        assert gateway.process.wait(60) == 0
        assert answers[0].status_code == 200
        assert EMAIL.encode() not in answers[0].content
        assert [leaf.kind for leaf in leaves(gateway)] == ["start", "intent", "outcome", "stop"]


# --- bodies and statuses ---


def test_a_request_over_the_limit_is_refused_natively(gateway: Gateway, book: Recorder) -> None:
    """A request body over limits.body gets a native 413 and reaches no database."""
    before = len(book.seen)

    response = ask(gateway, "get", b'{"ids":["' + b"x" * (2 * LIMIT) + b'"]}')

    assert response.status_code == 413
    assert "request_too_large" in reason(response)
    assert len(book.seen) == before


def test_an_answer_over_the_limit_never_comes_out(gateway: Gateway, book: Recorder) -> None:
    """An answer over limits.body becomes an error without a byte of it."""
    huge = {"ids": ["t1"], "documents": [TEXT + "y" * (3 * LIMIT)], "metadatas": [{"email": EMAIL}], "include": ["documents"]}
    book.answers[f"{RECORDS}/get"] = (200, JSON, json.dumps(huge).encode())

    response = ask(gateway)

    assert response.status_code in {500, 502}
    assert TEXT.encode() not in response.content
    assert EMAIL.encode() not in response.content


def test_head_is_decided_like_get_and_has_no_body(gateway: Gateway, book: Recorder) -> None:
    """HEAD is served by the database's GET handler, so it is decided as that; its answer has no body."""
    with gateway.http("reader") as client:
        response = client.head(f"{RECORDS}/count")

    assert (response.status_code, response.content) == (200, b"")
    assert book.last().method == "HEAD"
    assert leaves(gateway)[-1].facts[0].action == "count"


def test_an_answer_without_content_passes(gateway: Gateway, book: Recorder) -> None:
    """204 ends at its head; the outcome is on record all the same."""
    book.answers[f"{RECORDS}/get"] = (204, {}, b"")

    response = ask(gateway)

    assert (response.status_code, response.content) == (204, b"")
    assert (leaves(gateway)[-1].kind, leaves(gateway)[-1].status) == ("outcome", 204)


def test_an_answer_of_an_unknown_form_is_not_passed_on(gateway: Gateway, book: Recorder) -> None:
    """A status that promises records and JSON that holds none of Chroma's form is refused, and not passed on."""
    book.answers[f"{RECORDS}/get"] = (200, JSON, json.dumps({"ids": ["t1"], "leak": EMAIL}).encode())

    assert ask(gateway).status_code == 502


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_the_databases_error_is_native_and_echoes_no_value(gateway: Gateway, book: Recorder, status: int) -> None:
    """An error body of the database keeps its status and its kind, and loses whatever it echoed."""
    echo = {"error": "InvalidArgumentError", "message": f"bad filter: email = {EMAIL}"}
    book.answers[f"{RECORDS}/get"] = (status, JSON, json.dumps(echo).encode())

    response = ask(gateway)

    assert response.status_code == status
    assert reason(response)


def test_a_database_that_is_down_gives_a_native_error(tmp_path: Path) -> None:
    """When nothing listens behind the gateway, the client gets a native error that says so."""
    with recorder() as gone:
        port = gone.port
    with running(tmp_path, f"http://127.0.0.1:{port}", policy=ALLOW_ALL) as gateway, gateway.http("reader") as client:
        asked = ask(gateway)
        listed = client.get("/api/v2/tenants/default_tenant/databases/default_database/collections")

        assert (asked.status_code, listed.status_code) == (502, 502)
        assert "question_unanswered" in reason(asked)
        assert "database_unreachable" in reason(listed)


# --- time and absence ---


def test_a_client_that_leaves_is_on_record_as_aborted(gateway: Gateway, book: Recorder) -> None:
    """When the client goes before the answer comes, the intent gets an outcome that says so."""
    reached, release = threading.Event(), threading.Event()

    def slow(handler: Any) -> None:
        reached.set()
        release.wait(20)
        handler.send_response_only(200)
        handler.send_header("content-length", "0")
        handler.end_headers()

    book.answers[f"{RECORDS}/get"] = slow
    with gateway.http("reader") as client, pytest.raises(httpx.ReadTimeout):
        client.post(f"{RECORDS}/get", content=b"{}", headers=JSON, timeout=1.0)
    assert reached.is_set()

    assert wait_for(lambda: leaves(gateway)[-1].end == "aborted")
    release.set()


def test_an_answer_of_this_service_that_comes_late_is_a_refusal(tmp_path: Path, book: Recorder) -> None:
    """When the service is later than message_timeout, Envoy refuses by itself and the database sees nothing."""
    with running(tmp_path, f"http://127.0.0.1:{book.port}", limits={"message_timeout": "1s"}) as gateway:
        assert ask(gateway).status_code == 200
        for pid in gateway.workers():
            os.kill(pid, signal.SIGSTOP)
        before = len(book.seen)
        response = ask(gateway)
        for pid in gateway.workers():
            os.kill(pid, signal.SIGCONT)

        assert response.status_code == 504
        assert EMAIL.encode() not in response.content
        assert len(book.seen) == before
