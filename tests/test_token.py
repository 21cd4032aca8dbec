"""Tokens from a local key: only for a demo issuer, only short-lived, verified by what the gateway verifies with."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from extproc import token
from extproc.config import load
from extproc.config.types import Issuer, Jwks
from extproc.errors import ConfigError

DEMO = Issuer(issuer="https://demo.test", jwks=Jwks(), audiences=("vecgate", "other"), demo=True, groups="org.groups")

CONFIG = """\
version: 1
databases: [{name: kb, engine: chroma, upstream: "http://a"}]
identity:
  issuers:
    - {issuer: one, jwks: {file: a}}
    - {issuer: two, jwks: {file: b}, demo: true}
    - {issuer: three, jwks: {file: c}, demo: true}
policy: {bundle: rego}
"""


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Return the path of a new key."""
    path = tmp_path / "demo.jwk"
    token.create_key(path)
    return path


def test_a_token_holds_under_its_jwks_and_says_what_was_asked(key: Path) -> None:
    """Claims lie where the issuer's configuration looks for them."""
    minted = token.mint(key, DEMO, "ann", now=1000, lifetime=60, roles=["dba"], groups=["g"], person="ann@corp.test")
    found = jwt.decode(minted, KeySet.import_key_set(json.loads(token.jwks(key))), algorithms=["ES256"])
    claims = dict(found.claims)
    claims.pop("jti")
    assert claims == {
        "iss": "https://demo.test",
        "aud": "vecgate",
        "sub": "ann",
        "iat": 1000,
        "nbf": 1000,
        "exp": 1060,
        "realm_access": {"roles": ["dba"]},
        "org": {"groups": ["g"]},
        "email": "ann@corp.test",
    }
    assert found.header["alg"] == "ES256"


def test_two_tokens_are_never_the_same(key: Path) -> None:
    """Each has an id of its own."""
    now = int(time.time())
    assert token.mint(key, DEMO, "ann", now=now) != token.mint(key, DEMO, "ann", now=now)


def test_the_key_is_private_and_never_overwritten(key: Path) -> None:
    """The file is 0600, and a second key must go elsewhere."""
    before = key.read_bytes()
    with pytest.raises(ConfigError, match="not overwritten"):
        token.create_key(key)
    assert (key.stat().st_mode & 0o777, key.read_bytes()) == (0o600, before)


def test_the_jwks_holds_no_private_part(key: Path) -> None:
    """What Envoy is given cannot sign."""
    assert [set(each) & {"d", "k"} for each in json.loads(token.jwks(key))["keys"]] == [set()]


def test_attack_a_key_on_this_machine_never_speaks_for_a_real_issuer(key: Path) -> None:
    """An issuer that is not marked `demo: true` is not minted for."""
    real = Issuer(issuer="https://idp.test", jwks=Jwks())
    with pytest.raises(ConfigError, match="demo: true"):
        token.mint(key, real, "ann", now=0)


@pytest.mark.parametrize("lifetime", [0, -1, 86401])
def test_a_lifetime_that_the_gateway_would_refuse_is_refused_here(key: Path, lifetime: int) -> None:
    """A token that lives for long is a static key in disguise."""
    with pytest.raises(ConfigError, match="max_lifetime"):
        token.mint(key, DEMO, "ann", now=0, lifetime=lifetime)


@pytest.mark.parametrize(("subject", "claims"), [("", {}), ("ann", {"exp": 9999999999}), ("ann", {"iss": "https://idp.test"})])
def test_registered_claims_are_not_overridden(key: Path, subject: str, claims: dict[str, object]) -> None:
    """Extra claims add to a token; they do not make it another one."""
    with pytest.raises(ConfigError):
        token.mint(key, DEMO, subject, now=0, claims=claims)


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"kty": "oct", "k": "c2VjcmV0"}'])
def test_a_file_that_is_no_private_key_says_so_without_its_content(tmp_path: Path, content: str) -> None:
    """The message names the file alone."""
    path = tmp_path / "broken.jwk"
    path.write_text(content)
    with pytest.raises(ConfigError, match="is not a private EC key") as caught:
        token.mint(path, DEMO, "ann", now=0)
    assert "c2Vj" not in str(caught.value)


def test_a_public_key_signs_nothing(tmp_path: Path, key: Path) -> None:
    """A JWKS member in the place of the key is refused."""
    path = tmp_path / "public.jwk"
    path.write_text(json.dumps(json.loads(token.jwks(key))["keys"][0]))
    with pytest.raises(ConfigError, match="no private key"):
        token.mint(path, DEMO, "ann", now=0)


def test_the_issuer_to_mint_for_is_named_or_the_only_one(tmp_path: Path) -> None:
    """Several demo issuers need a name; one that is real or unknown is refused."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(CONFIG)
    config = load(path)
    assert token.demo_issuer(config, "two").issuer == "two"
    for name, said in ((None, "several"), ("one", "demo: true"), ("four", "no issuer is called")):
        with pytest.raises(ConfigError, match=said):
            token.demo_issuer(config, name)
