"""The adapter of Chroma (REST API v2, as of Chroma 1.5.9).

Chroma names collections by UUID on most paths and does not check there that the tenant and database in the path are the
collection's own. So the id is read in every spelling that Chroma reads, brought to one, and the database is asked for the
collection's name under exactly that tenant and database: one that is elsewhere does not exist. What may be asked is in
`chroma_forms`, what it means in `chroma_operations`, what comes back in `chroma_answer` and `chroma_errors`.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import msgspec

from extproc.decision import Terms
from extproc.errors import NotFound, Unsupported, UpstreamError
from extproc.events import Head, Immediate, Request, Response
from extproc.operation import Answer
from extproc.protocols import chroma_answer, chroma_errors, chroma_forms, chroma_operations, routes
from extproc.protocols.adapter import Denial, Facts, Outgoing, Question, Reading, json_immediate
from extproc.protocols.chroma_forms import Form

_HEARTBEATS: Final = frozenset({b"/api/v2", b"/api/v2/heartbeat"})
_HEALTH_CHECK: Final = b"/api/v2/healthcheck"
_READY: Final = {"is_executor_ready": True, "is_log_client_ready": True}
_MOST_QUESTIONS: Final = 1024
"""How many questions are kept ready; each is about one collection."""
_JSON: Final = frozenset({"application/json", "application/json;charset=utf-8"})


class Chroma:
    """Chroma's wire protocol: an `Adapter`."""

    engine: str = "chroma"
    credential_headers: tuple[tuple[str, str], ...] = (("x-chroma-token", ""), ("authorization", "Bearer "))

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

    def read(self, request: Request, database: str) -> Reading:
        """Understand a request. Raises `Malformed`, `Unrecognised` or `Unsupported`."""
        target = routes.parse(request.target)
        match = self._routes.match(request.method, target.segments)
        _check_content(request)
        form = chroma_forms.read(request.method, target, match, request.body)
        operations = chroma_operations.operations(form, database)
        if form.names != "uuid":
            # A deletion by name makes no answer untrue that could do harm: an id that is gone is asked for in vain.
            return Reading(operations=operations, form=form)
        question = _question(form)
        renames = form.kind == "alter" and (form.body or {}).get("new_name") is not None
        return Reading(operations=operations, form=form, questions=(question,), renames=renames)

    def resolve(self, reading: Reading, facts: Facts) -> Reading:
        """Put the collection's name in. Raises `NotFound`, also for a collection of another tenant or database."""
        form = _form(reading)
        (question,) = reading.questions
        found = facts[question]
        wanted = {name: form.parameters[name] for name in ("tenant", "database")}
        if found is None:
            raise _not_found()
        match found:
            case {"id": str(collection_id), "name": str(name), "tenant": str(tenant), "database": str(place)} if name:
                if {"tenant": tenant, "database": place} != wanted:
                    raise _not_found()
            case _:
                raise UpstreamError("the database does not say what the collection is called", code="answer_unrecognised")
        if collection_id != form.parameters["collection_id"]:
            raise UpstreamError("the database told of another collection than was asked for", code="answer_unrecognised")
        operations = tuple(chroma_operations.named(operation, name) for operation in reading.operations)
        return Reading(operations=operations, form=form, renames=reading.renames)

    def narrow(self, reading: Reading, terms: tuple[Terms, ...]) -> Reading:
        """Apply each operation's terms to the request. Raises `Unfulfillable`."""
        form = chroma_operations.narrowed(_form(reading), reading.operations, terms)
        return Reading(operations=reading.operations, form=form, renames=reading.renames)

    def write(self, reading: Reading) -> Outgoing:
        """Return the canonical bytes of a reading."""
        form = _form(reading)
        return Outgoing(method=form.method, target=str(form.target), body=chroma_forms.write(form))

    def read_answer(self, reading: Reading, response: Response) -> Answer | None:
        """Understand a successful response that holds records; None where it holds none. Raises `UpstreamError`."""
        return chroma_answer.read(_form(reading), response.body)

    def write_answer(self, reading: Reading, answer: Answer) -> bytes:
        """Return the bytes of an answer after its results were changed."""
        return chroma_answer.write(_form(reading), answer)

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


def _check_content(request: Request) -> None:
    """Refuse a body that is, or may be taken to be, anything but plain JSON in UTF-8."""
    head = request.head
    if any(value.strip().lower() != b"identity" for value in head.values("content-encoding")):
        raise Unsupported("the body must not be encoded")
    if request.body:
        kinds = [value.decode("latin-1").lower().replace(" ", "").replace('"', "") for value in head.values("content-type")]
        if len(kinds) != 1 or kinds[0] not in _JSON:
            raise Unsupported("the content type must be application/json")


def _question(form: Form) -> Question:
    """Return the question for a collection's name; the database answers it only under the collection's own database."""
    parameters = form.parameters
    return _asked(parameters["tenant"], parameters["database"], parameters["collection_id"])


@functools.lru_cache(maxsize=_MOST_QUESTIONS)
def _asked(tenant: str, database: str, collection: str) -> Question:
    segments = ("api", "v2", "tenants", tenant, "databases", database, "collections", "by-id", collection)
    return Question(topic="collection", method="GET", target=str(routes.Target(segments=segments)))


def _not_found() -> NotFound:
    return NotFound("the collection does not exist in this tenant and database")
