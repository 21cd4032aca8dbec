"""Who is calling: what Envoy verified about token or certificate becomes a Principal, or the login is refused.

Envoy checks signatures; this module checks again what the claims say (issuer, audience, expiry, lifetime, subject), because
Envoy lets a token without ``exp`` or ``sub`` pass under some configurations, and because a token that lives for months is a
static key in disguise. It sees no signature and no key, and it never quotes a claim in an error. Claims: RFC 7519 section 4.1.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from extproc.errors import Unauthenticated
from extproc.events import Head
from extproc.operation import Principal

SKEW: Final = 30
"""Seconds by which clocks may differ; the same that Envoy is told."""

_FAILURES: Final = (
    # How Envoy's jwt_authn words its failures, and our reason for each.
    ("jwt is expired", "token_expired"),
    ("jwt is not in the form", "token_malformed"),
    ("jwt header", "token_malformed"),
    ("jwt payload", "token_malformed"),
    ("jwt signature", "token_malformed"),
    ("jwt not yet valid", "token_not_yet_valid"),
    ("jwt issuer is not configured", "token_unknown_issuer"),
    ("audiences in jwt are not allowed", "token_wrong_audience"),
    ("jwt verification fails", "token_forged"),
    ("jwks doesn't have key to match", "token_forged"),
    ("jwt is missing", "token_missing"),
    ("jwks remote fetch is failed", "token_unverifiable"),
)
_MESSAGES: Final = {
    "token_missing": "no token: put a token of a configured issuer where the database's API key used to go",
    "token_expired": "the token has expired: get a new one",
    "token_not_yet_valid": "the token is not valid yet",
    "token_never_expires": "the token has no expiry (exp); only short-lived tokens are taken",
    "token_too_long_lived": "the token lives longer than the issuer's max_lifetime allows, or does not say since when (iat)",
    "token_no_subject": "the token names no subject (sub)",
    "token_forged": "the token's signature does not hold",
    "token_wrong_audience": "the token is for another audience",
    "token_unknown_issuer": "the token's issuer is not configured here",
    "token_malformed": "the credential is not a token (a signed JWT)",
    "token_unverifiable": "the issuer's keys are not to be had just now",
    "token_ambiguous": "more than one credential was sent; send exactly one",
    "token_refused": "the token does not hold",
    "certificate_unknown": "the certificate's name is not configured here, and no token came with it",
}
REASONS: Final = tuple(_MESSAGES)
"""Every reason for which a login is refused. Counts are kept in this order, so a new one goes to the end."""

_MOST_KNOWN: Final = 512
"""How many callers are remembered before all are forgotten."""

_LONGEST_CLAIM: Final = 256
"""Characters of an unverified claim that are kept as evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """What is expected of one issuer's tokens. Lifetimes are seconds.

    `roles`, `groups`, `person`, `workload` are claim paths; a `workload` of the form ``path=value`` asks for that value.
    """

    issuer: str
    audiences: frozenset[str]
    roles: str
    groups: str
    person: str | None
    workload: str | None
    max_lifetime: int


SPIFFE_ID: Final = "connection.uri_san_peer_certificate"
SUBJECT: Final = "connection.subject_peer_certificate"
"""Envoy's attributes of the client's certificate, which it verified; the header that tells of one is the client's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A program that is known by its certificate: one SPIFFE id, or all below one that ends in ``/*``, or one subject."""

    spiffe: str | None
    subject: str | None
    roles: tuple[str, ...]
    groups: tuple[str, ...]

    def fits(self, spiffe: str, subject: str) -> bool:
        """Return whether a certificate with these names is this program's."""
        if self.spiffe is None:
            return self.subject == subject
        return spiffe == self.spiffe or (self.spiffe.endswith("/*") and spiffe.startswith(self.spiffe[:-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """Turns a request's head into a Principal.

    A token is who its bearer is; one that does not hold is never made up for by a certificate. Without any, the certificate
    is, where one of `workloads` fits.

    `namespace` and `key` say where Envoy leaves verified payloads (each key that begins with `key`); `headers` are where this
    database's clients put credentials, as (name, prefix) pairs.
    """

    issuers: Mapping[str, Issuer]
    namespace: str
    key: str
    headers: tuple[tuple[str, str], ...]
    workloads: tuple[Workload, ...] = ()
    _known: dict[int, tuple[Mapping[str, Any], Principal, _Times]] = field(default_factory=dict, init=False, repr=False)

    def identify(self, head: Head, now: int) -> Principal:
        """Return the caller. `now` is Unix time in seconds. Raises `Unauthenticated`, whose code says why."""
        sent = 0
        for name, _ in self.headers:
            sent += len(head.values(name))
        if sent > 1:
            raise _refused("token_ambiguous")
        found = head.metadata.get(self.namespace, {})
        payloads = [value for name, value in found.items() if name.startswith(self.key) and isinstance(value, dict)]
        if len(payloads) > 1:
            raise _refused("token_ambiguous")
        if not payloads:
            if sent:
                raise _refused(_failure(found))
            return self._program(head)
        # The codec gives the same object for the same token, so its principal is made once.
        kept = self._known.get(id(found))
        if kept is None or kept[0] is not found:
            principal = self._principal(payloads[0])
            kept = (found, principal, _Times.of(principal.claims, self.issuers[principal.issuer]))
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[id(found)] = kept
        kept[2].check(now)
        return kept[1]

    def _principal(self, claims: dict[str, Any]) -> Principal:
        issuer = self.issuers.get(_text(claims.get("iss")))
        if issuer is None:
            raise _refused("token_unknown_issuer")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if not any(isinstance(one, str) and one in issuer.audiences for one in audiences):
            raise _refused("token_wrong_audience")
        subject = _text(claims.get("sub"))
        if not subject:
            raise _refused("token_no_subject")
        person = claim(claims, issuer.person) if issuer.person else None
        return Principal(
            id=f"{issuer.issuer}#{subject}",
            issuer=issuer.issuer,
            subject=subject,
            person=person if isinstance(person, str) and person else None,
            kind=_kind(claims, issuer),
            roles=_words(claim(claims, issuer.roles)),
            groups=_words(claim(claims, issuer.groups)),
            claims=claims,
        )

    def _program(self, head: Head) -> Principal:
        """Return who the connection's certificate is for."""
        spiffe, subject = head.attributes.get(SPIFFE_ID, ""), head.attributes.get(SUBJECT, "")
        if not spiffe and not subject:
            raise _refused("token_missing")
        found = next((workload for workload in self.workloads if workload.fits(spiffe, subject)), None)
        if found is None:
            raise _refused("certificate_unknown")
        name = spiffe if found.spiffe else subject
        issuer = "spiffe://" + spiffe.split("/")[2] if found.spiffe else "x509"
        return Principal(
            id=f"{issuer}#{name}",
            issuer=issuer,
            subject=name,
            person=None,
            kind="workload",
            roles=tuple(sorted(found.roles)),
            groups=tuple(sorted(found.groups)),
            claims={},
        )

    def claimed(self, head: Head) -> dict[str, str]:
        """Return who an unverified token, or an unknown certificate, says its bearer is, cut short. For evidence only."""
        for name, prefix in self.headers:
            for value in head.values(name):
                found = _unverified(value.decode("latin-1").removeprefix(prefix))
                if found:
                    return found
        shown = {"spiffe": head.attributes.get(SPIFFE_ID, ""), "subject": head.attributes.get(SUBJECT, "")}
        return {name: value[:_LONGEST_CLAIM] for name, value in shown.items() if value}


def _refused(code: str) -> Unauthenticated:
    return Unauthenticated(_MESSAGES[code], code=code)


def _failure(found: Mapping[str, Any]) -> str:
    """Return the reason for which Envoy refused the token.

    Each issuer's provider leaves its own: those for which the token is simply another issuer's say nothing when one of them
    knew the issuer.
    """
    reasons = {_reason(value) for name, value in found.items() if isinstance(value, dict) and "code" in value}
    return min(reasons - {"token_unknown_issuer"}, default=min(reasons, default="token_malformed"))


def _reason(failure: Mapping[str, Any]) -> str:
    message = str(failure.get("message", "")).lower()
    return next((reason for words, reason in _FAILURES if words in message), "token_refused")


class _Times(msgspec.Struct, frozen=True):
    """What a token says of its times, Unix seconds; and the longest that it may live, seconds."""

    expires: int | None
    issued: int | None
    begins: int | None
    longest: int

    @classmethod
    def of(cls, claims: Mapping[str, Any], issuer: Issuer) -> _Times:
        """Return the times among `claims`; what is no time is none."""
        return cls(_time(claims.get("exp")), _time(claims.get("iat")), _time(claims.get("nbf")), issuer.max_lifetime)

    def check(self, now: int) -> None:
        """Raise `Unauthenticated` where the token does not hold at `now`, or would hold for too long."""
        expires, issued, begins = self.expires, self.issued, self.begins
        if expires is None:
            raise _refused("token_never_expires")
        if expires + SKEW <= now:
            raise _refused("token_expired")
        if (begins is not None and begins > now + SKEW) or (issued is not None and issued > now + SKEW):
            raise _refused("token_not_yet_valid")
        if issued is None or expires - issued > self.longest:
            raise _refused("token_too_long_lived")


def _kind(claims: Mapping[str, Any], issuer: Issuer) -> Literal["human", "workload"]:
    path, wanted, value = (issuer.workload or "").partition("=")
    found = claim(claims, path)
    return "workload" if found and (not wanted or found == value) else "human"


def claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return the claim at `path`, None where there is none.

    A path is the name of a claim, or names joined by dots. Names may hold dots themselves: at each step the longest name that
    is there is taken, and there is no way back from it.
    """
    end = len(path)
    while end > 0:
        if path[:end] in claims:
            found = claims[path[:end]]
            if end == len(path):
                return found
            return claim(found, path[end + 1 :]) if isinstance(found, Mapping) else None
        end = path.rfind(".", 0, end)
    return None


def _words(value: Any) -> tuple[str, ...]:
    """Return roles or groups given as a list or as one space-separated string, sorted, each once."""
    items = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(sorted({item for item in items if isinstance(item, str) and item}))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time(value: Any) -> int | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return int(value) if number else None


def _unverified(token: str) -> dict[str, str]:
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 section 7.1: header, payload, signature
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    if not isinstance(claims, dict):
        return {}
    found = {name: _text(claims.get(name))[:_LONGEST_CLAIM] for name in ("iss", "sub")}
    # A lone surrogate, which JSON can spell, has no place in UTF-8: it must not keep the attempt off the record.
    return {name: value.encode("utf-8", "replace").decode() for name, value in found.items() if value}
