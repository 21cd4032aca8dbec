"""An Entry: one thing that happened, in a public and a private part. The single type that every kind of evidence is made from.

The public part becomes the *leaf*: canonical JSON (RFC 8785) that anyone may read for ever, so no personal value and no value
of a record enters it but as a salted commitment. The private part (who, from where, the whole policy input, the decision, and
at level ``request`` the canonical request) is sealed under the entry's own key, and destroying that key erases it while the
leaf still verifies. Pure: the salts and the key come from the ledger.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from extproc.operation import Principal

ENVOY_DETAILS: Final = re.compile(r"[A-Za-z0-9_.:{}\- ]{1,96}")
"""Envoy's response code details as `Entry.detail` may hold them: its own words, never anything of a request."""

ENFORCEMENT: Final = "enforcement"
"""The name in `Entry.detail` of how the database is guarded, where that is not by enforcement: ``observe``."""

Kind = Literal["intent", "outcome", "login_rejected", "start", "stop", "heartbeat", "policy", "administration", "alert"]
End = Literal["delivered", "denied", "failed", "aborted"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How many masked values of the entity `type` were found inside texts."""

    type: str
    values: int


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One operation as the leaf shows it. `rows` and the masked counts are known once there is an answer."""

    action: str
    scope: str
    collection: str | None = None
    decision: Literal["allow", "deny"]
    reasons: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    rows: int | None = None
    masked_fields: tuple[str, ...] = ()
    masked_values: int = 0
    masked_entities: tuple[Found, ...] = ()


class Private(msgspec.Struct, frozen=True, kw_only=True):
    """What only the holder of the entry's key may read.

    `trace` is the caller's trace context, as it came. `claimed` is what an unverified token says of itself, kept apart from
    `principal`, which was verified. `sources` says how many came from where, in an entry that stands for many. `inputs` and
    `decisions` are JSON documents, one for each operation, so that a decision can be replayed. `returned` are, once there is an
    answer, the ids of the records in it, one list for each operation: JSON texts or numbers, as the engine has them.
    """

    principal: Principal | None = None
    claimed: dict[str, Any] | None = None
    source: str = ""
    sources: dict[str, int] = {}
    user_agent: str = ""
    trace: str = ""
    inputs: tuple[msgspec.Raw, ...] = ()
    decisions: tuple[msgspec.Raw, ...] = ()
    returned: tuple[tuple[msgspec.Raw, ...], ...] = ()


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a body.

    In an intent the canonical request as it is forwarded, at level ``request``; with a `status`, in an outcome, the answer as
    it was delivered, at level ``full``. A `truncated` body is only the beginning of it.
    `records` are the ids of the records in it, by the number of the operation that they answer.
    """

    method: str
    target: str
    body: bytes
    status: int | None = None
    truncated: bool = False
    records: dict[int, tuple[str, ...]] = {}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    `intent` is written before a request leaves; `outcome` before an answer, or a denial, is released; `login_rejected` when
    nobody was recognised; `heartbeat` when nothing has happened for long; `alert` when somebody who runs the gateway has to do
    something. `end` says how an exchange ended: ``delivered``, ``denied``, ``failed`` (the database or Envoy could not), or
    ``aborted`` (nothing was released). `asked` counts the questions put to the database on the way. `detail` is public: plain
    ASCII names, and never a personal value.
    """

    kind: Kind
    time_ns: int
    exchange: str = ""
    database: str = ""
    engine: str = ""
    facts: tuple[Fact, ...] = ()
    decision: Literal["allow", "deny"] | None = None
    reasons: tuple[str, ...] = ()
    revision: str = ""
    status: int | None = None
    end: End | None = None
    asked: int = 0
    detail: dict[str, str] = {}
    private: Private = Private()
    recording: Recording | None = None
