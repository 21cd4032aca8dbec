"""The adapter of Chroma (REST API v2, as of Chroma 1.5.9).

Chroma names collections by UUID on most paths and does not check there that the tenant and database in the path are the
collection's own. So the id is read in every spelling that Chroma reads, brought to one, and the database is asked for the
collection's name under exactly that tenant and database: one that is elsewhere does not exist. The database is also asked
whether a collection is there that a client wants to get or else create: if so, the client looks it up, and no more. What may
be asked is in `chroma_forms`, what it means in `chroma_operations`, whose records it may be about in `chroma_records`, what
comes back in `chroma_answer` and `chroma_errors`.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import msgspec

from extproc.decision import Terms
from extproc.errors import NotFound, UpstreamError
from extproc.events import Head, Immediate, Request, Response
from extproc.operation import Answer
from extproc.protocols import chroma_answer, chroma_errors, chroma_forms, chroma_operations, chroma_records, routes, strict_json
from extproc.protocols.adapter import Denial, Facts, Outgoing, Question, Reading, json_immediate
from extproc.protocols.chroma_forms import Form
from extproc.protocols.routes import Target

_HEARTBEATS: Final = frozenset({b"/api/v2", b"/api/v2/heartbeat"})
_HEALTH_CHECK: Final = b"/api/v2/healthcheck"
_READY: Final = {"is_executor_ready": True, "is_log_client_ready": True}
_MOST_QUESTIONS: Final = 1024
"""How many questions are kept ready; each is about one collection."""
_FIRST_ERROR: Final = 400
_UNAUTHORIZED: Final = 401
_OUTDATING: Final = frozenset({"create", "drop", "clear", "fork", "attach"})
"""Kinds of requests after which collections are there that were not, or the other way round."""
_STORING: Final = frozenset({"add", "update", "create", "alter"})
_STORED: Final = frozenset({"documents", "metadatas", "uris", "metadata", "new_metadata"})
"""Members that are kept as they are sent, but for ids and vectors."""


class Chroma:
    """Chroma's wire protocol: an `Adapter`."""

    engine: str = "chroma"
    credential_headers: tuple[tuple[str, str], ...] = (("x-chroma-token", ""), ("authorization", "Bearer "))
    trailers: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._routes = routes.Routes(routes.rows(self.engine))

    def health(self, head: Head, now_ns: int) -> Immediate | None:
        """Answer the heartbeat and the health check: they say that the gateway lives, not that the database does."""
        methods = head.values(":method")
        paths = head.values(":path")
        if methods not in ([b"GET"], [b"HEAD"]) or len(paths) != 1:
            return None
        answer: dict[str, Any]
        if paths[0] in _HEARTBEATS:
            answer = {"nanosecond heartbeat": now_ns}
        elif paths[0] == _HEALTH_CHECK:
            answer = _READY
        else:
            return None
        return json_immediate(200, b"" if methods == [b"HEAD"] else msgspec.json.encode(answer), "health")

    def admit(self, head: Head) -> None:
        """Refuse nothing: what a request is shows when it is whole."""

    def read(self, request: Request, database: str) -> Reading:
        """Understand a request. Raises `Malformed`, `Unrecognised` or `Unsupported`."""
        target, match = self._routes.find(request.method, request.target)
        strict_json.require_json(request)
        form = chroma_forms.read(request.method, target, match, request.body)
        operations = chroma_operations.operations(form, database)
        return Reading(operations=operations, form=form, questions=_questions(form), outdates=_outdates(form))

    def resolve(self, reading: Reading, facts: Facts) -> Reading:
        """Put the collection's name in, or settle whether it is there; of a write, whether the records are the caller's own.

        Raises `NotFound` for an id that is unknown, also where it is a collection's of another tenant or database; `Denied`.
        """
        form = _form(reading)
        if reading.questions[0].topic == chroma_records.OWN:
            form = chroma_records.settled(form, reading.questions, facts)
            return msgspec.structs.replace(reading, form=form, questions=())
        (question,) = reading.questions
        found = _found(form, facts[question])
        if form.kind == "create":
            return self._got_or_created(reading, found)
        if found is None:
            raise NotFound("the collection does not exist in this tenant and database")
        if found.id != form.parameters["collection_id"]:
            raise _of_another()
        operations = tuple(chroma_operations.named(operation, found.name) for operation in reading.operations)
        return Reading(operations=operations, form=form, outdates=reading.outdates)

    def _got_or_created(self, reading: Reading, found: _Found | None) -> Reading:
        """Return the look-up of a collection that is there, else the creation.

        Chroma ignores what else a client sends for a collection that exists, and gives the same bytes as for a look-up. Only a
        look-up is sure to create nothing should the collection have gone meanwhile.
        """
        form = _form(reading)
        if found is None:
            return Reading(operations=reading.operations, form=form, outdates=reading.outdates)
        name = (form.body or {})["name"]
        if found.name != name:
            raise _of_another()
        target = Target(segments=(*form.target.segments, name))
        look_up = chroma_forms.read("GET", target, self._routes.match("GET", target.segments), b"")
        (asked,) = reading.operations
        return Reading(operations=chroma_operations.operations(look_up, asked.database), form=look_up)

    def narrow(self, reading: Reading, terms: tuple[Terms, ...]) -> Reading:
        """Apply each operation's terms to the request; ask whose the records are that it writes.

        Raises `Unfulfillable`, `Denied`, `Malformed`.
        """
        form = chroma_operations.narrowed(_form(reading), terms)
        asked: tuple[Question, ...] = ()
        if chroma_records.bound(terms):
            asked = chroma_records.questions(form, terms[0])
            form = chroma_records.narrowed(form, terms)
        reserved = chroma_records.reservation(form, terms[0])
        return Reading(operations=reading.operations, form=form, questions=asked, outdates=reading.outdates, reserves=reserved)

    def stored(self, reading: Reading) -> bytes:
        """Return as JSON what the request would store; empty where it stores nothing."""
        form = _form(reading)
        if form.kind not in _STORING:
            return b""
        return msgspec.json.encode({name: value for name, value in (form.body or {}).items() if name in _STORED})

    def write(self, reading: Reading) -> Outgoing:
        """Return the canonical bytes of a reading."""
        form = _form(reading)
        body = chroma_forms.write(form)
        made = form.kind == "count" and body is not None
        return Outgoing(
            method=form.method, target=str(form.target), body=body, content_type=b"application/json" if made else None
        )

    def read_answer(self, reading: Reading, response: Response) -> Answer | None:
        """Understand a successful response that holds records; None where it holds none. Raises `UpstreamError`."""
        return chroma_answer.read(_form(reading), response.body)

    def write_answer(self, reading: Reading, answer: Answer) -> bytes:
        """Return the bytes of an answer after its results were changed."""
        return chroma_answer.write(_form(reading), answer)

    def failed(self, response: Response) -> bool:
        """Return whether a response is an error of Chroma's."""
        return response.status >= _FIRST_ERROR

    def unauthenticated(self, response: Response) -> bool:
        """Return whether Chroma, or what stands before it, does not take the gateway's credential."""
        return response.status == _UNAUTHORIZED

    def read_error(self, response: Response) -> Immediate:
        """Return the database's own error with its text masked, or a generic 502."""
        return chroma_errors.masked(response)

    def denial(self, denial: Denial) -> Immediate:
        """Return a refusal in Chroma's form."""
        return chroma_errors.denial(denial)


def _form(reading: Reading) -> Form:
    if not isinstance(reading.form, Form):
        message = "a reading of another adapter"
        raise TypeError(message)
    return reading.form


def _outdates(form: Form) -> bool:
    """Return whether a collection may appear, change its name or go by this request."""
    if form.kind == "alter":
        return (form.body or {}).get("new_name") is not None
    return form.kind in _OUTDATING


def _questions(form: Form) -> tuple[Question, ...]:
    """Return the question for the name of a collection, or for whether it is there."""
    body = form.body or {}
    asked: tuple[str, ...]
    if form.names == "uuid":
        asked = ("by-id", form.parameters["collection_id"])
    elif form.kind == "create" and body.get("get_or_create"):
        asked = (body["name"],)
    else:
        return ()
    return (_question(form.parameters["tenant"], form.parameters["database"], *asked),)


@functools.lru_cache(maxsize=_MOST_QUESTIONS)
def _question(tenant: str, database: str, *asked: str) -> Question:
    segments = ("api", "v2", "tenants", tenant, "databases", database, "collections", *asked)
    # Whether a name is taken is asked each time: were it kept, the time of a denial would tell it to whoever has no grant.
    return Question(topic="collection", method="GET", target=str(Target(segments=segments)), kept=asked[0] == "by-id")


class _Found(msgspec.Struct, frozen=True):
    """What the database tells of a collection."""

    id: str
    name: str


def _found(form: Form, answer: object) -> _Found | None:
    """Return the collection that an answer tells of; None where there is none in the request's tenant and database."""
    match answer:
        case None:
            return None
        case {"id": str(found), "name": str(name), "tenant": str(tenant), "database": str(database)} if name:
            if (tenant, database) != (form.parameters["tenant"], form.parameters["database"]):
                return None
            return _Found(found, name)
        case _:
            raise UpstreamError("the database does not say what the collection is called", code="answer_unrecognised")


def _of_another() -> UpstreamError:
    return UpstreamError("the database told of another collection than was asked for", code="answer_unrecognised")
