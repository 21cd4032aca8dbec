"""What somebody might ask: a caller made of words or of a token, a request as Envoy would hand it over, a database supposed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extproc.config import load
from extproc.config.types import Config
from extproc.configured import identifier
from extproc.errors import ConfigError
from extproc.policy.asking import Caller, Supposed, Wire
from extproc.protocols import adapter_for
from support.envoy import write_config
from support.issuer import TestIssuer

NOW = 1_800_000_000


def config(folder: Path, **changes: Any) -> Config:
    """Return a configuration of one issuer."""
    path, _, _ = write_config(folder, "http://127.0.0.1:8000", **changes)
    return load(path)


def test_a_caller_is_known_as_the_same_person_with_a_token_is(tmp_path: Path) -> None:
    """By the gateway's own reading of claims: roles, groups, person and other claims stand where the issuer puts them."""
    found = config(tmp_path)
    caller = Caller(subject="rita", roles=("reader",), groups=("desk",), person="rita@corp.test", claims={"tenant": "t1"})
    request = Wire(method="GET", target="/api/v2/heartbeat").request(found, caller.token_claims(found, NOW))

    who = identifier(found, adapter_for("chroma")).identify(request.head, NOW)

    assert (who.id, who.subject, who.person, who.kind) == (f"{TestIssuer().issuer}#rita", "rita", "rita@corp.test", "human")
    assert (who.roles, who.groups, who.claims["tenant"]) == (("reader",), ("desk",), "t1")


def test_of_a_token_its_claims_are_taken(tmp_path: Path) -> None:
    """Whether it begins with Bearer or not; no signature is looked at, because nothing is let through for it."""
    found, issuer = config(tmp_path), TestIssuer()
    token = issuer.token("reader", tenant="t1")

    for text in (token, f"Bearer {token}\n"):
        assert Caller(token=text).token_claims(found, NOW)["tenant"] == "t1"


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "a.!!!.c", "secret-value.WzFd.c", "x" * 100])
def test_what_is_no_token_is_not_quoted(tmp_path: Path, text: str) -> None:
    """It may be another secret."""
    with pytest.raises(ConfigError) as refusal:
        Caller(token=text).token_claims(config(tmp_path), NOW)

    assert str(refusal.value) == "that is no token (a signed JWT)"


def test_an_issuer_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    """So that the author need not look."""
    with pytest.raises(ConfigError, match=f"name the issuer, one of {TestIssuer().issuer}"):
        Caller(subject="a", issuer="https://other").token_claims(config(tmp_path), NOW)


def test_a_program_needs_an_issuer_that_tells_programs_apart(tmp_path: Path) -> None:
    """Else it would be explained as what it would not be."""
    with pytest.raises(ConfigError, match="has no `workload`"):
        Caller(subject="job", workload=True).token_claims(config(tmp_path), NOW)


async def test_a_supposed_database_knows_what_one_collection_is_called_and_nothing_else() -> None:
    """What else is asked is noted, and no network is reached."""
    supposed = Supposed(collection="tickets")
    place = "/api/v2/tenants/t/databases/d/collections"
    async with supposed.client() as client:
        known = await client.get(f"{place}/by-id/6ad26b4f")
        unknown = await client.post(f"{place}/6ad26b4f/get", json={})

    assert known.json() == {"id": "6ad26b4f", "name": "tickets", "tenant": "t", "database": "d"}
    assert (unknown.status_code, supposed.unanswered) == (503, [f"POST {place}/6ad26b4f/get"])
