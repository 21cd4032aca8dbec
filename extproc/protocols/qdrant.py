"""The adapter of Qdrant (REST and gRPC, as of Qdrant 1.19).

Both interfaces say the same, so a request has one form here (`qdrant_form`) and one meaning: which collections it names
(`qdrant_names`), which operations it is (`qdrant_operations`), how terms narrow it (`qdrant_terms`). A `Wire` makes that form
of bytes and bytes of it; there is one for each interface, and the adapter of each is this one with its wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from extproc.decision import Terms
from extproc.events import Head, Immediate, Request, Response, Transport
from extproc.operation import Answer
from extproc.protocols import qdrant_names, qdrant_operations, qdrant_stored, qdrant_terms
from extproc.protocols.adapter import Denial, Facts, Outgoing, Question, Reading
from extproc.protocols.qdrant_form import Form
from extproc.protocols.qdrant_operations import Part

_OUTDATING: Final = frozenset({"aliases", "create", "drop", "whole"})
"""Kinds of requests after which an alias may be another collection's."""


class Wire(Protocol):
    """One of Qdrant's interfaces."""

    @property
    def transport(self) -> Transport:
        """Which one it is."""

    @property
    def trailers(self) -> frozenset[str]:
        """Which trailers of an answer its clients need."""

    def health(self, head: Head) -> Immediate | Outgoing | None:
        """As `Adapter.health`."""

    def admit(self, head: Head) -> None:
        """As `Adapter.admit`."""

    def read(self, request: Request) -> Form:
        """Understand a request. Raises `Malformed`, `Unrecognised`, `Unsupported`."""

    def write(self, form: Form) -> Outgoing:
        """Return the canonical bytes of a form that `read` has made, also after it was narrowed."""

    def failed(self, response: Response) -> bool:
        """As `Adapter.failed`."""

    def unauthenticated(self, response: Response) -> bool:
        """As `Adapter.unauthenticated`."""

    def read_error(self, response: Response) -> Immediate:
        """As `Adapter.read_error`."""

    def denial(self, denial: Denial) -> Immediate:
        """As `Adapter.denial`."""

    def read_answer(self, form: Form, parts: Sequence[Part], body: bytes) -> Answer | None:
        """Understand a successful response that holds records; None where it holds none. Raises `UpstreamError`, `NotFound`."""

    def write_answer(self, answer: Answer) -> bytes:
        """Return the bytes of an answer after its results were changed."""


class _Settled(msgspec.Struct, frozen=True):
    """A request whose collections are known by their own names. `needs` are the points to be asked for, by question."""

    form: Form
    parts: tuple[Part, ...]
    needs: Mapping[Question, frozenset[str | int]] = msgspec.field(default_factory=dict)


class _Unsettled(msgspec.Struct, frozen=True):
    """A request whose names may be aliases."""

    form: Form
    database: str


class Qdrant:
    """Qdrant's protocol over one wire: an `Adapter`."""

    engine: str = "qdrant"
    credential_headers: tuple[tuple[str, str], ...] = (("api-key", ""), ("authorization", "Bearer "))

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.trailers = wire.trailers

    def health(self, head: Head, now_ns: int) -> Immediate | Outgoing | None:
        """Answer a health check, or say what the database is to be asked."""
        del now_ns
        return self._wire.health(head)

    def admit(self, head: Head) -> None:
        """Refuse, before its body has come, a request that no body can make lawful."""
        self._wire.admit(head)

    def read(self, request: Request, database: str) -> Reading:
        """Understand a request. Raises `Malformed`, `Unrecognised` or `Unsupported`."""
        form = self._wire.read(request)
        questions = qdrant_names.questions(form)
        if questions:
            outdates = form.kind in _OUTDATING
            return Reading(operations=(), form=_Unsettled(form, database), questions=questions, outdates=outdates)
        return _reading(form, qdrant_operations.parts(form, database, {}))

    def resolve(self, reading: Reading, facts: Facts) -> Reading:
        """Put the collections' own names in; of a narrowed request, see that the points which it needs are there.

        Raises `NotFound`, `Malformed`, `Unrecognised`.
        """
        found = reading.form
        if isinstance(found, _Unsettled):
            known = qdrant_names.aliases(facts[qdrant_names.ALIASES])
            form = qdrant_names.resolved(found.form, known)
            return _reading(form, qdrant_operations.parts(form, found.database, known))
        qdrant_terms.refuse_missing(_settled(reading).needs, facts)
        return msgspec.structs.replace(reading, questions=())

    def narrow(self, reading: Reading, terms: tuple[Terms, ...]) -> Reading:
        """Apply each operation's terms to the request. Raises `Unfulfillable`, `Denied`."""
        found = _settled(reading)
        needs = qdrant_terms.needed(found.parts, terms)
        form = qdrant_terms.narrowed(found.form, found.parts, terms)
        return msgspec.structs.replace(reading, form=_Settled(form, found.parts, needs), questions=tuple(needs))

    def stored(self, reading: Reading) -> bytes:
        """Return as JSON what the request would store; empty where it stores nothing."""
        return qdrant_stored.stored(_settled(reading).form)

    def write(self, reading: Reading) -> Outgoing:
        """Return the canonical bytes of a reading."""
        return self._wire.write(_settled(reading).form)

    def read_answer(self, reading: Reading, response: Response) -> Answer | None:
        """Understand a successful response that holds records; None where it holds none. Raises `UpstreamError`, `NotFound`."""
        found = _settled(reading)
        return self._wire.read_answer(found.form, found.parts, response.body)

    def write_answer(self, reading: Reading, answer: Answer) -> bytes:
        """Return the bytes of an answer after its results were changed."""
        del reading
        return self._wire.write_answer(answer)

    def failed(self, response: Response) -> bool:
        """Return whether a response is an error of Qdrant's."""
        return self._wire.failed(response)

    def unauthenticated(self, response: Response) -> bool:
        """Return whether Qdrant does not take the gateway's credential."""
        return self._wire.unauthenticated(response)

    def read_error(self, response: Response) -> Immediate:
        """Return the database's own error with its text masked."""
        return self._wire.read_error(response)

    def denial(self, denial: Denial) -> Immediate:
        """Return a refusal in Qdrant's form."""
        return self._wire.denial(denial)


def _reading(form: Form, parts: tuple[Part, ...]) -> Reading:
    operations = tuple(part.operation for part in parts)
    return Reading(operations=operations, form=_Settled(form, parts), outdates=form.kind in _OUTDATING)


def _settled(reading: Reading) -> _Settled:
    if not isinstance(reading.form, _Settled):
        message = "a reading of another adapter, or one that is not settled"
        raise TypeError(message)
    return reading.form
