"""The interface of one database's wire protocol: a lens between bytes and Operation, Answer.

An adapter is pure and synchronous. It never does I/O: what only the database knows it puts as a `Question`, and `upstream`
asks it. What it forwards is its own canonical bytes for path, query and body, never the client's, so the database cannot
read something other than what was decided. What an adapter does not know it refuses.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from extproc.decision import Terms
from extproc.errors import Error
from extproc.events import Fields, Head, Immediate, Request, Response
from extproc.operation import Answer, Operation


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Something that only the database knows, to be asked with the gateway's own credential.

    `topic` is the kind of question (one word, for evidence); `method`, `target` and `body`, which is JSON, are how it is asked.
    Equal questions share a cached answer for a short time; not where `kept` is false, because the answer must be of this
    moment, or because how long it takes must not tell what it is.
    """

    topic: str
    method: str
    target: str
    body: bytes | None = None
    kept: bool = True


Facts = dict[Question, object]
"""Answers to questions: the decoded JSON document, or None where the database says that there is no such thing."""


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Records of a collection that a request writes, by their ids; `ids` None means any of them.

    Where the database must first be asked whose they are (`checked`), nobody else may write them until the request is done.
    A write that asks nothing may go on beside others that ask nothing.
    """

    collection: str
    ids: tuple[str, ...] | None
    checked: bool


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the adapter understands it.

    While `questions` is not empty the request is not settled: the answers go back through `Adapter.resolve`. `form` is the
    adapter's own parsed request, which nobody else reads. `outdates` says that this request, once done, makes
    answers to questions untrue: names appear, change or go. `reserves` is what must be reserved before the questions of a
    narrowed reading are asked.
    """

    operations: tuple[Operation, ...]
    form: object
    questions: tuple[Question, ...] = ()
    outdates: bool = False
    reserves: Reservation | None = None


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """The canonical request that is forwarded. `body` None means that the request has none.

    `content_type` is what kind of body the adapter has put where the client sent none; `fields` are further header fields that
    the call needs on its way.
    """

    method: str
    target: str
    body: bytes | None
    content_type: bytes | None = None
    fields: Fields = ()


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """What a refused caller is told: the error's status and code, a message without values, and the exchange's id."""

    error: Error
    exchange: str


class Adapter(Protocol):
    """One database's wire protocol."""

    engine: str
    """The engine's word in configuration and policy input."""

    credential_headers: tuple[tuple[str, str], ...]
    """Where this engine's clients put their API key: (header name, value prefix). All of them are taken off every request."""

    trailers: frozenset[str]
    """Which trailers of an answer its clients need; no other crosses."""

    def health(self, head: Head, now_ns: int) -> Immediate | Outgoing | None:
        """Answer a health check that clients and probes send without a credential, in the engine's own form; else None.

        Where only the database can answer in that form, return the one request that is put to it, whatever the client sent.
        `now_ns` is Unix time in nanoseconds: some engines tell the time in their answer, and an adapter has no clock.
        """

    def admit(self, head: Head) -> None:
        """Refuse, before its body has come, a request that no body can make lawful. Raises as `read`."""

    def read(self, request: Request, database: str) -> Reading:
        """Understand a request. Raises `Malformed`, `Unrecognised` or `Unsupported`."""

    def resolve(self, reading: Reading, facts: Facts) -> Reading:
        """Go on with a reading whose questions are answered.

        Raises `NotFound`, `Unrecognised`; `Denied` where a narrowed request would write records of somebody else.
        """

    def narrow(self, reading: Reading, terms: tuple[Terms, ...]) -> Reading:
        """Apply each operation's terms to the request; what only the database can tell of it are questions.

        Raises `Unfulfillable` for what this adapter cannot do to it, `Denied` for what may not be written.
        """

    def stored(self, reading: Reading) -> bytes:
        """Return as JSON what the request would store: values of records, texts, descriptions. Empty where it stores nothing.

        No filters: a mask that has been stored must be found to be taken out again.
        """

    def write(self, reading: Reading) -> Outgoing:
        """Return the canonical bytes of a reading; `write(read(x))` means what `x` means."""

    def read_answer(self, reading: Reading, response: Response) -> Answer | None:
        """Understand a successful response that holds records; None where this request's answer holds none.

        Raises `UpstreamError` for an answer that it does not understand.
        """

    def write_answer(self, reading: Reading, answer: Answer) -> bytes:
        """Return the bytes of an answer after its results were changed."""

    def failed(self, response: Response) -> bool:
        """Return whether a response is an error of the database's."""

    def unauthenticated(self, response: Response) -> bool:
        """Return whether a response says that the database does not take the gateway's own credential."""

    def read_error(self, response: Response) -> Immediate:
        """Return the database's own error in its native form with values masked, or a generic 502."""

    def denial(self, denial: Denial) -> Immediate:
        """Return a refusal in the engine's native form, with a status that its client does not retry."""


def json_immediate(status: int, body: bytes, details: str, extra: Fields = ()) -> Immediate:
    """Return an `Immediate` that carries JSON."""
    return Immediate(status=status, fields=(("content-type", b"application/json"), *extra), body=body, details=details)
