"""Callers who bring their own obligations: for gateways under the policy `as_told`, which does what the token says."""

from __future__ import annotations

import time
from typing import Any

import httpx
from chromadb.api import ClientAPI

from support.gateway import ROOT, Gateway

AS_TOLD = ROOT / "tests" / "policies" / "as_told"

Obligation = dict[str, Any]


def compared(operator: str, field: str, value: Any) -> Obligation:
    """Return the condition of one field."""
    return {"type": "field", "operator": operator, "field": field, "value": value}


def joined(operator: str, *parts: Obligation) -> Obligation:
    """Return a join of conditions."""
    return {"type": "compound", "operator": operator, "value": list(parts)}


def only(where: Obligation) -> Obligation:
    """Return the obligation to keep to the records that meet a condition."""
    return {"type": "filter", "where": where}


def stamp(**fields: Any) -> Obligation:
    """Return the obligation to stamp what is written."""
    return {"type": "stamp", "fields": fields}


def mask(*fields: str, how: Any = "redact") -> Obligation:
    """Return the obligation to mask fields."""
    return {"type": "mask", "fields": list(fields), "with": how}


def tenant(name: str) -> tuple[Obligation, Obligation]:
    """Return the obligations of a tenant."""
    return only(compared("eq", "tenant", name)), stamp(tenant=name)


def token(gateway: Gateway, *obligations: Obligation) -> str:
    """Return the token of a caller under these obligations."""
    return gateway.issuer.token("caller", obligations=list(obligations), exp=int(time.time()) + 3600)


def client(gateway: Gateway, *obligations: Obligation) -> ClientAPI:
    """Return an unchanged Chroma client of such a caller."""
    return gateway.chroma(token=token(gateway, *obligations))


def http(gateway: Gateway, *obligations: Obligation) -> httpx.Client:
    """Return a plain client of such a caller."""
    headers = {"x-chroma-token": token(gateway, *obligations)}
    return httpx.Client(base_url=gateway.url, headers=headers, timeout=30, trust_env=False)


def reason(answer: httpx.Response) -> str:
    """Return why the gateway refused, the database's own error, or nothing for a success."""
    if answer.is_success:
        return ""
    message = str(answer.json()["message"])
    return message.split()[3] if message.startswith("denied by Vecgate: ") else message
