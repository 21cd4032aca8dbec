"""Who is calling: whatever the claims are, there is a whole Principal of a known issuer, or the login is refused.

The input's head is the request's fields, its body what Envoy found: payloads and failures by name. The body is also what an
unverified token says of itself.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import msgspec

from extproc.errors import Unauthenticated
from extproc.events import Head, Side
from extproc.identity import SKEW, Identifier, Issuer
from extproc.operation import Principal
from fuzz.framing import headed
from fuzz.mutation import tree as mutate

_NOW: Final = 1_800_000_000
_NAMESPACE: Final = "envoy.filters.http.jwt_authn"
_LONGEST_CLAIM: Final = 256
_ISSUERS: Final = tuple(
    Issuer(
        issuer=issuer,
        audiences=frozenset({"vecgate"}),
        roles="realm_access.roles",
        groups="groups",
        person="email",
        workload="azp",
        max_lifetime=3600,
    )
    for issuer in ("https://idp.test/main", "sub")
)
_IDENTIFIER: Final = Identifier(
    issuers={issuer.issuer: issuer for issuer in _ISSUERS},
    namespace=_NAMESPACE,
    key="payload_",
    headers=(("x-chroma-token", ""), ("authorization", "Bearer ")),
)

__all__ = ["check", "mutate"]


def check(data: bytes) -> None:
    """Identify a caller, and ask who the token claims to be."""
    lines, body = headed(data)
    fields = [line.partition(b":") for line in lines]
    sent = tuple((name.decode("latin-1").lower(), value.strip()) for name, _, value in fields)
    unverified = b"e30." + base64.urlsafe_b64encode(body).rstrip(b"=") + b".c2ln"
    for credential in (sent, (("x-chroma-token", unverified),), (("authorization", b"Bearer " + unverified),)):
        _claimed(credential)
    head = _found(sent, body)
    if head is None:
        return
    try:
        principal = _IDENTIFIER.identify(head, _NOW)
    except Unauthenticated as error:
        refusal = str(error)
    else:
        _check_principal(principal)
        return
    assert refusal.isascii()


def _claimed(fields: tuple[tuple[str, bytes], ...]) -> None:
    claimed = _IDENTIFIER.claimed(Head(side=Side.REQUEST, fields=fields, end_of_stream=True))
    assert claimed.keys() <= {"iss", "sub"}
    assert all(0 < len(value) <= _LONGEST_CLAIM for value in claimed.values())
    assert msgspec.json.decode(msgspec.json.encode(claimed)) == claimed


def _found(fields: tuple[tuple[str, bytes], ...], body: bytes) -> Head | None:
    """Return a request's head with `body` as the metadata that Envoy vouches for; None where Envoy could not have it."""
    try:
        found = _STRUCT.decode(body.decode())
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair has no place in a Struct
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return Head(side=Side.REQUEST, fields=fields, end_of_stream=True, metadata={_NAMESPACE: found})


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


_STRUCT: Final = json.JSONDecoder(parse_int=_number, parse_float=_number)
"""Numbers are doubles in Envoy's metadata, and whole ones come out as integers."""


def _check_principal(principal: Principal) -> None:
    claims: dict[str, Any] = principal.claims
    assert principal.issuer == claims["iss"]
    assert principal.issuer in _IDENTIFIER.issuers
    assert principal.subject
    assert principal.id == f"{principal.issuer}#{claims['sub']}"
    assert "vecgate" in (claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]])
    assert _NOW - SKEW < claims["exp"] <= claims["iat"] + 3600 + 1
    assert json.loads(msgspec.json.encode(principal))["roles"] == list(principal.roles), "the policy sees something else"
    assert principal.roles == tuple(sorted(set(principal.roles)))
