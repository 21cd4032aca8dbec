"""What a worker and its clerk say to each other: orders one way, answers in the same order the other. Pure.

A frame is four bytes of length and that much JSON, so that what an entry holds as JSON already (inputs, decisions) goes as it
is. One answer tells of as many orders as were carried out together.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from extproc.audit.entry import Entry
from extproc.audit.recovery import Recovered
from extproc.errors import AuditError

_HEAD: Final = struct.Struct(">I")
_LONGEST: Final = 1 << 30
"""Bytes of a frame: far more than an entry with the longest request may have."""


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """Who cosigns checkpoints: its verifier key, and the URL below which ``add-checkpoint`` is."""

    key: str
    url: str


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What the process that asks witnesses is told first: the log's folder, and the seconds that a witness may take."""

    witnesses: tuple[Witness, ...]
    log: str
    patience: float


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the process that mirrors a log is told: which log, to where, and the seconds after which it looks anew.

    Keys in `bucket` begin with `prefix`. `access_key` and `secret_key` go together; `locked` is how many seconds nobody may
    change or delete what was written.
    """

    directory: str
    worker: str
    bucket: str
    prefix: str
    every: float
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    locked: float | None = None

    def __repr__(self) -> str:
        """Return it without the key."""
        return f"Task({self.worker} to {self.bucket}/{self.prefix})"


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing a clerk is told. `least` is how many entries are known to be there; times are seconds.

    `signing_keys` are PEM, the current one first. A checkpoint follows an entry within `cadence`, and after `heartbeat` without
    entries there is one that says so. Checkpoints are shown to `witnesses`, each of which may take `patience`. `otlp` is where
    spans go, `pseudonyms` whether they name people by keyed hashes.
    """

    directory: str
    worker: str
    sealing_key: bytes
    signing_keys: tuple[bytes, ...]
    origin: str
    segment_bytes: int
    retry: float
    cadence: float
    heartbeat: float
    least: int = 0
    witnesses: tuple[Witness, ...] = ()
    patience: float = 5.0
    otlp: str | None = None
    pseudonyms: bool = False


class Unready(msgspec.Struct, frozen=True, tag="unready"):
    """The journal cannot be opened, and why."""

    message: str


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a span says beside its entry: when the exchange began (Unix ns), the calling span, who called, the approval."""

    started: int
    traceparent: str | None
    principal: str | None
    approval: str | None = None


class Append(msgspec.Struct, frozen=True, kw_only=True, tag="append"):
    """Make an entry durable, then tell its spans where `span` says of what. The answer is its index."""

    entry: Entry
    span: Origin | None = None


class Flush(msgspec.Struct, frozen=True, tag="flush"):
    """Put all that was appended under a checkpoint. The answer is the index that comes next."""


class Close(msgspec.Struct, frozen=True, tag="close"):
    """Leave everything tidy and end. The answer is the index that would come next."""


Order = Append | Flush | Close
Result = int | str
"""An index; or why there is none."""

_ENCODE: Final = msgspec.json.Encoder().encode
_opening: Final = msgspec.json.Decoder(Opening)
_readiness: Final[msgspec.json.Decoder[Recovered | Unready]] = msgspec.json.Decoder(Recovered | Unready)
_order: Final[msgspec.json.Decoder[Order]] = msgspec.json.Decoder(Order)
_results: Final = msgspec.json.Decoder(list[Result])


def frame(message: Opening | Recovered | Unready | Order | Errand | Task | list[Result] | str) -> bytes:
    """Return `message` in its frame. Raises `AuditError` for text that has no UTF-8 form."""
    try:
        content = _ENCODE(message)
    except (ValueError, TypeError, OverflowError) as error:
        raise AuditError("an entry has no canonical form") from error
    return _HEAD.pack(len(content)) + content


class Frames:
    """Bytes as they come, cut into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        self._rest += data

    def next(self) -> bytes | None:
        """Return the next whole frame's content; None until there is one. Raises `AuditError` for what is no frame."""
        if len(self._rest) < _HEAD.size:
            return None
        (length,) = _HEAD.unpack_from(self._rest)
        if length > _LONGEST:
            raise AuditError("the audit log's process says something that cannot be")
        end = _HEAD.size + length
        if len(self._rest) < end:
            return None
        content = bytes(memoryview(self._rest)[_HEAD.size : end])
        del self._rest[:end]
        return content

    def __iter__(self) -> Iterator[bytes]:
        """Give every frame that is whole by now."""
        while (content := self.next()) is not None:
            yield content


def read_opening(content: bytes) -> Opening:
    """Return the opening in a frame."""
    return _opening.decode(content)


def read_readiness(content: bytes) -> Recovered | Unready:
    """Return what a clerk says first: what opening the log found amiss, or why it cannot be opened."""
    return _readiness.decode(content)


def read_order(content: bytes) -> Order:
    """Return an order."""
    return _order.decode(content)


def read_results(content: bytes) -> list[Result]:
    """Return the answers to orders, in their order."""
    return _results.decode(content)
