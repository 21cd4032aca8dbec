"""HTTP in and out: who is not known is refused before a body is read, and nothing of a failure shows."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from extproc.audit.entry import Entry
from extproc.control.acts import Acts
from extproc.control.admins import Admins
from extproc.control.app import Endpoint, application
from extproc.control.callers import CREDENTIAL_HEADERS, VERIFIED_HEADER, Caller
from extproc.errors import AuditError, Denied, Malformed
from extproc.identity import Identifier, Issuer
from support.exchange import ISSUER, NAMESPACE

SECRET = "a-value-that-nobody-may-see"


class Log:
    """Keeps entries, or fails."""

    def __init__(self, *, full: bool = False) -> None:
        self.entries: list[Entry] = []
        self._full = full

    async def append(self, entry: Entry) -> int:
        """Append."""
        if self._full:
            raise AuditError("the disk is full")
        self.entries.append(entry)
        return len(self.entries)


def ask(endpoint: Endpoint, *, known: bool = True, body: Any = b"{}", log: Log | None = None) -> httpx.Response:
    """Return the answer of an application with one route."""
    issuer = Issuer(
        issuer=ISSUER,
        audiences=frozenset({"vecgate"}),
        roles="roles",
        groups="groups",
        person="email",
        workload=None,
        max_lifetime=86400,
    )
    identifier = Identifier(issuers={ISSUER: issuer}, namespace=NAMESPACE, key="payload_", headers=CREDENTIAL_HEADERS)
    acts = Acts(judge=Admins(()), log=log or Log(), clock=time.time_ns)
    app = application({("POST", "/v1/x"): endpoint}, identifier=identifier, acts=acts, clock=time.time_ns)
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "vecgate", "sub": "ada", "iat": now, "exp": now + 60, "roles": ["a"]}
    verified = {VERIFIED_HEADER: json.dumps({"payload_0": claims})} if known else {}

    async def play() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://control") as client:
            return await client.post("/v1/x", content=body, headers={"authorization": "Bearer a.b.c"} | verified)

    return asyncio.run(play())


async def echo(caller: Caller, body: bytes) -> Any:
    """Say who asked what."""
    return {"who": caller.principal.subject, "asked": body.decode()}


def test_the_caller_and_the_body_reach_the_endpoint() -> None:
    """What it returns is the answer, which nobody keeps."""
    answer = ask(echo, body=b"hello")

    assert (answer.status_code, answer.json()) == (200, {"who": "ada", "asked": "hello"})
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == ("no-store", "application/json")


def test_nobody_is_asked_for_a_body() -> None:
    """Whoever is not known is refused, on record, before a byte of the body is read."""
    read: list[bytes] = []

    async def content() -> AsyncIterator[bytes]:
        read.append(b"x")
        yield b"x"

    log = Log()
    answer = ask(echo, known=False, body=content(), log=log)

    assert (answer.status_code, answer.json()["error"], [each.kind for each in log.entries]) == (
        401,
        "token_malformed",
        ["login_rejected"],
    )
    assert log.entries[0].exchange == answer.json()["exchange"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Malformed("no", code="token_malformed"), 400, "token_malformed"),
        (Denied("no", code="class_not_seen"), 403, "class_not_seen"),
        (AuditError("the disk is full"), 500, "audit_unavailable"),
        (KeyError(SECRET), 500, "internal_error"),
        (ValueError(SECRET), 500, "internal_error"),
    ],
)
def test_a_failure_has_its_status_and_code(error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture) -> None:
    """What nobody expected shows its kind alone, in the answer and in the log."""

    async def fail(_: Caller, __: bytes) -> Any:
        raise error

    answer = ask(fail)

    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert SECRET not in answer.text + caplog.text


def test_a_refusal_that_is_not_on_record_is_a_failure() -> None:
    """Without a record of the attempt nothing is said of it."""
    answer = ask(echo, known=False, log=Log(full=True))

    assert (answer.status_code, answer.json()["error"]) == (500, "audit_unavailable")


def test_a_body_that_is_too_large_is_refused() -> None:
    """More than any act needs is not held in memory."""
    answer = ask(echo, body=b"x" * ((4 << 20) + 1))

    assert (answer.status_code, answer.json()["error"]) == (413, "request_too_large")
