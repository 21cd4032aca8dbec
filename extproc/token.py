"""Tokens from a local key, for trying things out: what an identity provider does, without one.

A key that lies on this machine proves nothing about a person, so only an issuer marked `demo: true` is minted for. ES256 (RFC
7518 section 3.4), which Envoy verifies; the key file is a private JWK (RFC 7517) of mode 0600.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from extproc.config.types import Config, Issuer
from extproc.errors import ConfigError
from extproc.private import write_private

_ALGORITHM: Final = "ES256"
_CURVE: Final = "P-256"


def create_key(path: Path) -> None:
    """Write a new private key. Raises `ConfigError` where the file exists: a key is never overwritten."""
    key = ECKey.generate_key(_CURVE, {"use": "sig", "alg": _ALGORITHM})
    key.ensure_kid()
    write_private(path, json.dumps(key.as_dict(private=True)).encode() + b"\n", replace=False)


def jwks(path: Path) -> str:
    """Return the JWKS document that lets Envoy verify tokens of the key at `path`; it holds no private part."""
    return json.dumps({"keys": [_key(path).as_dict(private=False)]}, indent=2) + "\n"


def demo_issuer(config: Config, name: str | None = None) -> Issuer:
    """Return the issuer to mint for: the one called `name`, or the only demo issuer. Raises `ConfigError`."""
    issuers = [each for each in config.identity.issuers if name is None or each.issuer == name]
    if not issuers:
        raise ConfigError(f"no issuer is called {name}; there are {', '.join(each.issuer for each in config.identity.issuers)}")
    demo = [each for each in issuers if each.demo]
    if not demo:
        raise ConfigError("tokens are minted only for an issuer that is marked `demo: true`")
    if len(demo) > 1:
        raise ConfigError(f"several issuers are marked `demo: true`; name one of {', '.join(each.issuer for each in demo)}")
    return demo[0]


def mint(
    key: Path,
    issuer: Issuer,
    subject: str,
    *,
    now: int,
    lifetime: int = 900,
    roles: Sequence[str] = (),
    groups: Sequence[str] = (),
    person: str | None = None,
    claims: Mapping[str, Any] | None = None,
) -> str:
    """Return a signed token for `subject`, valid from `now` (Unix seconds) for `lifetime` seconds.

    `roles`, `groups` and `person` go to the claim paths that the configuration names for `issuer`; `claims` are added on top.
    Raises `ConfigError` for an issuer that is not `demo: true` and for a lifetime that the gateway would refuse.
    """
    if not issuer.demo:
        raise ConfigError("tokens are minted only for an issuer that is marked `demo: true`")
    if not 0 < lifetime <= issuer.max_lifetime:
        raise ConfigError(f"the lifetime must be between 1 and {issuer.max_lifetime:g} seconds, the issuer's max_lifetime")
    payload = claims_of(issuer, subject, now=now, lifetime=lifetime, roles=roles, groups=groups, person=person, claims=claims)
    signing = _key(key)
    if not signing.is_private:
        raise ConfigError(f"{key}: holds no private key")
    return jwt.encode({"alg": _ALGORITHM, "kid": signing.kid}, payload, signing)


def claims_of(
    issuer: Issuer,
    subject: str,
    *,
    now: int,
    lifetime: int,
    roles: Sequence[str] = (),
    groups: Sequence[str] = (),
    person: str | None = None,
    claims: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the claims of such a token. Raises `ConfigError`."""
    if not subject:
        raise ConfigError("a token needs a subject")
    payload: dict[str, Any] = {
        "iss": issuer.issuer,
        "aud": issuer.audiences[0],
        "sub": subject,
        "iat": now,
        "nbf": now,
        "exp": now + lifetime,
        "jti": secrets.token_hex(8),
    }
    if roles:
        _place(payload, issuer.roles, list(roles))
    if groups:
        _place(payload, issuer.groups, list(groups))
    if person is not None:
        _place(payload, issuer.person, person)
    if taken := payload.keys() & (claims or {}).keys():
        raise ConfigError(f"the claims {', '.join(sorted(taken))} are set already; leave them out")
    payload.update(claims or {})
    return payload


def _place(payload: dict[str, Any], path: str, value: object) -> None:
    *outer, last = path.split(".")
    for name in outer:
        payload = payload.setdefault(name, {})
    payload[last] = value


def _key(path: Path) -> ECKey:
    try:
        return ECKey.import_key(json.loads(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); make a key with `vecgate token`") from error
    except (ValueError, JoseError) as error:
        raise ConfigError(f"{path}: is not a private EC key in JWK form") from error
