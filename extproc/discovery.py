"""Where an issuer's keys are, by its own word: discovery documents resolved to JWKS addresses, once, before Envoy starts.

Envoy fetches keys by itself, again and again, but reads no discovery document; so its bootstrap names what is found here.
OpenID Connect Discovery 1.0, sections 3 and 4: the document's `issuer` must be the one that is configured, else whoever serves
it could vouch for somebody else's callers. Nothing of a document is repeated in an error.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Final

import httpx
import msgspec

from extproc.config import discovers
from extproc.config.forms import URL, Url
from extproc.config.types import Config, Issuer, UpstreamTls
from extproc.configured import verification
from extproc.errors import ConfigError

_TIMEOUT: Final = 5.0
_PAUSE: Final = 1.0
_MOST_BYTES: Final = 1 << 20


class Unanswered(ConfigError):
    """A discovery document that is not to be had just now."""


class _Document(msgspec.Struct):
    """What is read of a discovery document; the rest is of no interest here."""

    issuer: str
    jwks_uri: str


def resolve(config: Config, *, patience: float = 0.0) -> Config:
    """Return `config` with every discovery document's address replaced by that of the keys.

    One that does not answer is asked again for `patience` seconds. Raises `Unanswered`, or `ConfigError` for one that is wrong.
    """
    deadline = time.monotonic() + patience
    issuers = tuple(_resolved(issuer, deadline) for issuer in config.identity.issuers)
    return dataclasses.replace(config, identity=dataclasses.replace(config.identity, issuers=issuers))


def _resolved(issuer: Issuer, deadline: float) -> Issuer:
    url = issuer.jwks.uri
    if url is None or not discovers(url):
        return issuer
    while True:
        try:
            keys = _keys(issuer, _fetch(url, verification(url, UpstreamTls(ca=issuer.jwks.ca))))
        except (httpx.HTTPError, OSError) as error:
            if time.monotonic() > deadline:
                raise Unanswered(f"{url}: the issuer's discovery document is not to be had; see that it answers") from error
            time.sleep(_PAUSE)
        else:
            return dataclasses.replace(issuer, jwks=dataclasses.replace(issuer.jwks, uri=keys))


def _fetch(url: Url, verify: Any) -> bytes:
    body = bytearray()
    with (
        httpx.Client(verify=verify, timeout=_TIMEOUT, follow_redirects=False, trust_env=False) as client,
        client.stream("GET", str(url)) as response,
    ):
        response.raise_for_status()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise ConfigError(f"{url}: is too large for a discovery document")
    return bytes(body)


def _keys(issuer: Issuer, body: bytes) -> Url:
    """Return where the keys are. Raises `ConfigError` for what is no discovery document of this issuer."""
    where = issuer.jwks.uri
    try:
        document = msgspec.json.decode(body, type=_Document)
        found = URL.parse(document.jwks_uri)
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"{where}: is no discovery document with `issuer` and `jwks_uri`") from error
    if document.issuer != issuer.issuer:
        raise ConfigError(f"{where}: is the discovery document of another issuer; `issuer` must be written as it stands there")
    if not isinstance(found, Url) or discovers(found) or not (found.tls or found.loopback):
        raise ConfigError(f"{where}: its `jwks_uri` is no https:// address of keys")
    return found
