"""The value behind a token: asked about where it stands, opened with the key that made it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extproc.administration import Input
from extproc.audit.entry import Entry
from extproc.config import load
from extproc.configured import mask_keys, open_safe
from extproc.control.acts import Acts
from extproc.control.callers import Caller
from extproc.control.reveal import Reveal
from extproc.decision import Decision
from extproc.engines.engine import Decided
from extproc.errors import CredentialError, Denied, Malformed
from extproc.obligations.operators import MaskKey
from extproc.obligations.tokens import Place, seal
from extproc.operation import Context
from extproc.secret import Secret
from support.evidence import PRINCIPAL

CALLER = Caller(principal=PRINCIPAL, context=Context(time_ns=1, source="", user_agent="", approval=None, exchange="e"))
CONFIG = """\
version: 1
databases: [{name: kb, engine: chroma, upstream: "http://127.0.0.1:8000"}]
identity: {issuers: [{issuer: "https://idp.test", jwks: {file: jwks.json}}]}
policy: {bundle: rego}
masking: {keys: [{id: new, value: {file: new.key}}, {id: old, value: {file: old.key}}]}
"""


class Judge:
    """Allows or not, and remembers what was asked."""

    revision = "r"

    def __init__(self, *, allow: bool) -> None:
        self.asked: list[Input] = []
        self._allow = allow

    async def decide(self, asked: Input) -> Decided:
        """Decide."""
        self.asked.append(asked)
        return Decided(decision=Decision(allow=self._allow), revision="r")

    async def append(self, entry: Entry) -> int:
        """Append an entry."""
        del entry
        return 0


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with a configuration of two masking keys."""
    (tmp_path / "vecgate.yaml").write_text(CONFIG)
    for name in ("new", "old"):
        (tmp_path / f"{name}.key").write_text(f"the {name} key")
    return tmp_path


def token(key: str, secret: str | None = None) -> str:
    """Return the token of a value under one of the keys."""
    derived = MaskKey.derive(key, Secret((secret or f"the {key} key").encode()))
    return seal(key, derived.cipher, Place(database="kb", collection="c", field="a.b"), msgspec.Raw(b'{"x":[1]}'))


def reveal(directory: Path, body: Any, judge: Judge) -> Any:
    """Return what is revealed."""
    acts = Acts(judge=judge, log=judge, clock=lambda: 1)
    config = load(directory / "vecgate.yaml")
    keys = mask_keys(config, open_safe(config))
    return asyncio.run(Reveal(acts, keys)(CALLER, body if isinstance(body, bytes) else json.dumps(body).encode()))


@pytest.mark.parametrize("key", ["new", "old"])
def test_each_key_of_the_configuration_undoes_its_own_tokens(directory: Path, key: str) -> None:
    """Keys rotate: the id in the token says which one it is. The policy is asked about the place that is sealed in it."""
    judge = Judge(allow=True)
    found = reveal(directory, {"token": token(key)}, judge)
    target = judge.asked[0].target

    assert (found.database, found.collection, found.field, bytes(found.value)) == ("kb", "c", "a.b", b'{"x":[1]}')
    assert (judge.asked[0].act, target.database, target.collection, target.fields) == ("mask_reveal", "kb", "c", ("a.b",))


def test_a_denial_reveals_nothing(directory: Path) -> None:
    """Not even that the token is a good one says more than its refusal."""
    with pytest.raises(Denied):
        reveal(directory, {"token": token("new")}, Judge(allow=False))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "request_malformed"),
        (b"[]", "request_malformed"),
        ({"token": None}, "request_malformed"),
        ({"token": "x", "field": "y"}, "request_malformed"),
        ({"token": "[REDACTED]"}, "token_malformed"),
        ({"token": token("gone")}, "mask_key_unknown"),
        ({"token": token("new", "another")}, "token_malformed"),
    ],
)
def test_what_is_no_token_of_ours_is_refused_before_the_policy_is_asked(directory: Path, body: Any, code: str) -> None:
    """There is no place to ask about."""
    judge = Judge(allow=True)
    with pytest.raises(Malformed) as caught:
        reveal(directory, body, judge)

    assert (caught.value.code, judge.asked) == (code, [])


def test_a_key_that_has_gone_missing_is_an_error(directory: Path) -> None:
    """An old one is never used in its place."""
    (directory / "old.key").unlink()
    with pytest.raises(CredentialError) as caught:
        reveal(directory, {"token": token("old")}, Judge(allow=True))

    assert caught.value.code == "mask_key_missing"
