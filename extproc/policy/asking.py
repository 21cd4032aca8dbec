"""What somebody might ask: a caller and a request made from words, as Envoy would hand them over; and a database to suppose.

The caller is what a token of theirs would say, and no signature is looked at: nothing is let through for it. It does not know
what becomes of the request.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from extproc.config.types import Config, Issuer
from extproc.errors import ConfigError
from extproc.events import Fields, Head, Request, Side
from extproc.token import claims_of

_LIFETIME: Final = 900
_PARTS: Final = 3
_COLLECTION: Final = re.compile(r"/api/v2/tenants/([^/]+)/databases/([^/]+)/collections/(?:by-id/)?([^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody, by what a token would say of them; or a token, whose claims are all that is taken from it."""

    subject: str = ""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    person: str | None = None
    workload: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)
    issuer: str | None = None
    token: str | None = None

    def token_claims(self, config: Config, now: int) -> dict[str, Any]:
        """Return the claims at `now`, Unix seconds. Raises `ConfigError`."""
        if self.token is not None:
            return _claims_in(self.token)
        issuer = _issuer(config, self.issuer)
        claims = dict(self.claims)
        if self.workload:
            if issuer.workload is None:
                raise ConfigError(
                    f"{issuer.issuer} has no `workload`, so every caller of it is human; name the claim path there"
                )
            claims[issuer.workload] = self.subject
        return claims_of(
            issuer,
            self.subject,
            now=now,
            lifetime=int(min(_LIFETIME, issuer.max_lifetime)),
            roles=self.roles,
            groups=self.groups,
            person=self.person,
            claims=claims,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A request as a client would send it, and from where."""

    method: str
    target: str
    body: bytes = b""
    source: str = "127.0.0.1"
    user_agent: str = ""

    def request(self, config: Config, claims: Mapping[str, Any]) -> Request:
        """Return it as a whole request of a caller with these claims, whom Envoy has verified."""
        fields: Fields = ((":method", self.method.encode()), (":path", self.target.encode()), (":authority", b"vecgate"))
        if self.user_agent:
            fields += (("user-agent", self.user_agent.encode()),)
        if self.body:
            fields += (("content-type", b"application/json"), ("content-length", str(len(self.body)).encode()))
        head = Head(
            side=Side.REQUEST,
            fields=fields,
            end_of_stream=not self.body,
            attributes={"source.address": f"{self.source}:0"},
            metadata={config.identity.metadata.namespace: {config.identity.metadata.key: claims}},
        )
        return Request(method=self.method, target=self.target, head=head, body=self.body)


@dataclass(slots=True)
class Supposed:
    """A database of which only this is known: what `collection` is called. What else is asked is `unanswered`."""

    collection: str | None = None
    unanswered: list[str] = field(default_factory=list)

    def client(self) -> httpx.AsyncClient:
        """Return a client that reaches no network."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://supposed")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        found = _COLLECTION.fullmatch(request.url.path)
        if request.method != "GET" or found is None or self.collection is None:
            self.unanswered.append(f"{request.method} {request.url.path}")
            return httpx.Response(503)
        tenant, database, asked = found.groups()
        return httpx.Response(200, json={"id": asked, "name": self.collection, "tenant": tenant, "database": database})


def _issuer(config: Config, name: str | None) -> Issuer:
    issuers = [each for each in config.identity.issuers if name in {None, each.issuer}]
    if len(issuers) != 1:
        raise ConfigError(f"name the issuer, one of {', '.join(each.issuer for each in config.identity.issuers)}")
    return issuers[0]


def _claims_in(token: str) -> dict[str, Any]:
    """Return what a token says, its signature not looked at. Raises `ConfigError`, which quotes nothing of it."""
    parts = token.strip().removeprefix("Bearer ").split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))) if len(parts) == _PARTS else None
    except (binascii.Error, ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise ConfigError("that is no token (a signed JWT)")
    return claims
