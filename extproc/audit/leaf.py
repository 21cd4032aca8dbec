"""The leaf: the public part of an Entry as canonical JSON (RFC 8785), which is what the log commits to.

Anyone may read a leaf for ever, so who and from where enter it only as commitments, SHA-256 over a random salt and the value;
the salts are sealed with the private part, and once they are destroyed a commitment says nothing. Times are RFC 3339 text,
because the numbers of RFC 8785 are doubles and cannot hold nanoseconds. Pure: no clock, no randomness, no I/O.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Literal

import msgspec

from extproc.audit.entry import End, Entry, Fact, Kind, Recording

VERSION: Final = 1
SALT_BYTES: Final = 32
_SECOND_NS: Final = 1_000_000_000
# Sorted by code point, which is the order of RFC 8785 for ASCII names: every member's name here is ASCII, and `detail`'s are
# held to it. A test compares the bytes with an independent implementation.
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class Salts(msgspec.Struct, frozen=True, kw_only=True):
    """One salt for each commitment, so that opening one of them to somebody opens no other."""

    principal: bytes
    person: bytes
    source: bytes

    @classmethod
    def cut(cls, random: bytes) -> Salts:
        """Cut 96 random bytes into three salts."""
        return cls(principal=random[:32], person=random[32:64], source=random[64:96])


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """How much was recorded of what this entry is about; `sha256` is of the recording's ciphertext, None where there is none.

    `truncated` says that of a body only the beginning was kept.
    """

    level: Literal["metadata", "request", "full"]
    sha256: str | None
    truncated: bool


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """The members of a leaf.

    `private` is the SHA-256 of the private part's ciphertext, `key` that of the slot with the entry's wrapped key; hex like
    every digest here.
    """

    version: int
    kind: Kind
    log: str
    index: int
    time: str
    exchange: str
    database: str
    engine: str
    facts: tuple[Fact, ...]
    decision: Literal["allow", "deny"] | None
    reasons: tuple[str, ...]
    revision: str
    status: int | None
    end: End | None
    asked: int
    detail: dict[str, str]
    commitments: dict[str, str]
    key: str
    private: str
    recording: Recorded


def encode(entry: Entry, *, log: str, index: int, salts: Salts, slot: bytes, private: bytes, recording: bytes | None) -> bytes:
    """Return the leaf of `entry`, without a line feed.

    `slot`, `private` and `recording` are what the leaf commits to: a wrapped key and ciphertexts. Raises `ValueError` for text
    that has no UTF-8 form and for a name in `detail` that is not ASCII.
    """
    if not all(name.isascii() for name in entry.detail):
        raise ValueError("a name in an entry's detail is not ASCII")
    return _ENCODER.encode(
        Leaf(
            version=VERSION,
            kind=entry.kind,
            log=log,
            index=index,
            time=rfc3339(entry.time_ns),
            exchange=entry.exchange,
            database=entry.database,
            engine=entry.engine,
            facts=entry.facts,
            decision=entry.decision,
            reasons=entry.reasons,
            revision=entry.revision,
            status=entry.status,
            end=entry.end,
            asked=entry.asked,
            detail=entry.detail,
            commitments=_commitments(entry, salts),
            key=sha256(slot).hexdigest(),
            private=sha256(private).hexdigest(),
            recording=_recorded(entry.recording, recording),
        )
    )


def _recorded(kept: Recording | None, sealed: bytes | None) -> Recorded:
    if kept is None or sealed is None:
        return Recorded(level="metadata", sha256=None, truncated=False)
    level: Literal["request", "full"] = "request" if kept.status is None else "full"
    return Recorded(level=level, sha256=sha256(sealed).hexdigest(), truncated=kept.truncated)


def commitment(name: str, salt: bytes, value: str) -> str:
    """Return the SHA-256 (hex) of the salt, the name, a zero byte and the value."""
    return sha256(b"%b%b\0%b" % (salt, name.encode(), value.encode())).hexdigest()


def rfc3339(time_ns: int) -> str:
    """Return Unix nanoseconds as RFC 3339 text in UTC with nine digits of a second."""
    seconds, nanoseconds = divmod(time_ns, _SECOND_NS)
    return f"{_second(seconds)}.{nanoseconds:09d}Z"


@functools.lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _commitments(entry: Entry, salts: Salts) -> dict[str, str]:
    found = {}
    who = entry.private.principal
    if who is not None:
        found["principal"] = commitment("principal", salts.principal, who.id)
        if who.person is not None:
            found["person"] = commitment("person", salts.person, who.person)
    if entry.private.source:
        found["source"] = commitment("source", salts.source, entry.private.source)
    return found
