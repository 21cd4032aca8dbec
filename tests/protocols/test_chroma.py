"""The Chroma adapter: whose collection an id is, in every spelling; health; content; errors and denials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from extproc.decision import Terms
from extproc.errors import Malformed, NotFound, Unsupported, UpstreamError
from extproc.events import Head, Immediate, Side
from extproc.protocols.adapter import Adapter, Outgoing, Question, Reading

_ID = "0953c020-14d8-44fc-af67-7dfb545a9d9a"
_TOLD = {"id": _ID, "name": "notes", "tenant": "acme", "database": "main", "metadata": None}
_QUESTION = Question(topic="collection", method="GET", target=f"/api/v2/tenants/acme/databases/main/collections/by-id/{_ID}")

_COLLECTIONS = "/api/v2/tenants/acme/databases/main/collections"

_SPELLINGS = [
    _ID,
    _ID.upper(),
    _ID.replace("-", ""),
    _ID.replace("-", "").upper(),
    f"{{{_ID}}}",
    f"%7B{_ID}%7D",
    f"%7b{_ID.upper()}%7d",
    f"urn:uuid:{_ID}",
    f"urn%3Auuid%3A{_ID}",
    _ID.replace("-", "%2D"),
    f"%30{_ID[1:]}",
]


@pytest.mark.parametrize("spelling", _SPELLINGS)
@pytest.mark.parametrize("operation", ["get", "delete"])
def test_every_spelling_of_an_id_is_one_collection(
    spelling: str, operation: str, adapter: Adapter, read: Callable[..., Reading], collections: str
) -> None:
    """However an id is spelt, the same question is asked, and the request is forwarded under the one canonical spelling."""
    reading = read("POST", f"{collections}/{spelling}/{operation}", {})

    assert reading.questions == (_QUESTION,)
    assert f"{collections}/{_ID}/{operation}" == adapter.write(adapter.resolve(reading, {_QUESTION: _TOLD})).target


@pytest.mark.parametrize(
    "spelling",
    [
        _ID[:-1],
        f"{_ID}0",
        _ID.replace("-", "_"),
        f"URN:UUID:{_ID}",
        f"urn:uuid:{_ID.replace('-', '')}",
        f"{{{_ID.replace('-', '')}}}",
        f"{{{_ID}",
        f"({_ID})",
        f"{_ID}%20",
        f"%20{_ID}",
        f"{_ID}%0A"[:-3] + "g",
        "notes",
        "%EF%BC%90" + _ID[1:],
    ],
)
def test_what_is_no_id(spelling: str, read: Callable[..., Reading], collections: str) -> None:
    """What Chroma would not read as an id is malformed here, before anything is asked."""
    with pytest.raises(Malformed):
        read("POST", f"{collections}/{spelling}/get", {})


def test_name_is_told_by_the_database(adapter: Adapter, read: Callable[..., Reading], records: str) -> None:
    """The operation names the collection as the database does, and then no question is left."""
    reading = adapter.resolve(read("POST", f"{records}/get", {}), {_QUESTION: _TOLD})

    assert (reading.operations[0].collection, reading.operations[0].reads, reading.questions) == ("notes", ("notes",), ())


@pytest.mark.parametrize("told", [None, {**_TOLD, "tenant": "other"}, {**_TOLD, "database": "other"}])
def test_collection_of_another_tenant(
    told: dict[str, Any] | None, adapter: Adapter, read: Callable[..., Reading], records: str
) -> None:
    """A collection that lies under another tenant or database is as absent as one that does not exist."""
    with pytest.raises(NotFound) as caught:
        adapter.resolve(read("POST", f"{records}/get", {}), {_QUESTION: told})

    assert (
        caught.value.code,
        str(caught.value),
    ) == ("not_found", "the collection does not exist in this tenant and database")


@pytest.mark.parametrize(
    "told",
    [
        {},
        [],
        "notes",
        {**_TOLD, "name": None},
        {**_TOLD, "name": ""},
        {**_TOLD, "name": 5},
        {"id": _ID, "name": "notes"},
        {**_TOLD, "id": "11111111-1111-4111-8111-111111111111"},
    ],
)
def test_answer_that_does_not_say_the_name(told: Any, adapter: Adapter, read: Callable[..., Reading], records: str) -> None:
    """An answer that leaves the name open, or is about another collection, settles nothing."""
    with pytest.raises(UpstreamError):
        adapter.resolve(read("POST", f"{records}/get", {}), {_QUESTION: told})


_OUTDATING = [
    ("PUT", f"{_COLLECTIONS}/{_ID}", {"new_name": "other"}),
    ("POST", f"{_COLLECTIONS}/{_ID}/fork", {"new_name": "other"}),
    ("POST", f"{_COLLECTIONS}/{_ID}/functions/attach", {"name": "x", "function_id": "y", "output_collection": "out"}),
    ("POST", _COLLECTIONS, {"name": "notes"}),
    ("DELETE", f"{_COLLECTIONS}/notes", None),
    ("DELETE", "/api/v2/tenants/acme/databases/main", None),
    ("POST", "/api/v2/reset", None),
]


@pytest.mark.parametrize("request_", _OUTDATING, ids=lambda request: f"{request[0]} {request[1]}")
def test_what_makes_answers_untrue_says_so(request_: Any, adapter: Adapter, read: Callable[..., Reading]) -> None:
    """Whatever creates, renames or deletes collections is known to, also once the name is told and the terms are applied."""
    reading = read(*request_)
    settled = adapter.resolve(reading, {_QUESTION: _TOLD}) if reading.questions else reading

    assert reading.outdates
    assert settled.outdates
    assert adapter.narrow(settled, (Terms(),)).outdates


@pytest.mark.parametrize(
    "request_",
    [
        ("PUT", f"{_COLLECTIONS}/{_ID}", {"new_name": None, "new_metadata": {"a": 1}}),
        ("POST", f"{_COLLECTIONS}/{_ID}/get", {}),
        ("POST", f"{_COLLECTIONS}/{_ID}/attached_functions/x/detach", {}),
        ("GET", f"{_COLLECTIONS}/notes", None),
        ("POST", "/api/v2/tenants", {"name": "other"}),
    ],
    ids=lambda request: f"{request[0]} {request[1]}",
)
def test_what_leaves_answers_true(request_: Any, read: Callable[..., Reading]) -> None:
    """What changes no collection's name or being makes nobody ask again."""
    assert not read(*request_).outdates


# --- get or create -------------------------------------------------------------------------------------------------------

_WANTED = ("POST", _COLLECTIONS, {"name": "notes", "metadata": {"a": 1}, "get_or_create": True})
_BY_NAME = Question(topic="collection", method="GET", target=f"{_COLLECTIONS}/notes", kept=False)


def test_a_collection_that_is_there_is_looked_up(adapter: Adapter, read: Callable[..., Reading]) -> None:
    """What is decided and forwarded is exactly the look-up by name, with nothing of what the client sent beside it."""
    reading = read(*_WANTED)
    found = adapter.resolve(reading, {_BY_NAME: _TOLD})
    look_up = read("GET", f"{_COLLECTIONS}/notes")

    assert reading.questions == (_BY_NAME,)
    assert found == look_up
    assert adapter.write(found) == Outgoing(method="GET", target=f"{_COLLECTIONS}/notes", body=None)


@pytest.mark.parametrize("told", [None, {**_TOLD, "tenant": "other"}, {**_TOLD, "database": "other"}])
def test_a_collection_that_is_not_there_is_created(told: Any, adapter: Adapter, read: Callable[..., Reading]) -> None:
    """Where the database knows none under this tenant and database, it is a creation, forwarded with all that was sent."""
    created = adapter.resolve(read(*_WANTED), {_BY_NAME: told})
    (operation,) = created.operations
    outgoing = adapter.write(created)

    assert (operation.action, operation.writes, operation.reads) == ("create_collection", ("notes",), ("notes",))
    assert (created.questions, created.outdates) == ((), True)
    assert (outgoing.method, outgoing.target) == _WANTED[:2]
    assert msgspec.json.decode(outgoing.body or b"") == _WANTED[2]


@pytest.mark.parametrize("told", [{}, [], "notes", {**_TOLD, "name": "Notes"}, {**_TOLD, "id": None}])
def test_an_answer_that_does_not_say_whether_it_is_there(told: Any, adapter: Adapter, read: Callable[..., Reading]) -> None:
    """An answer about another collection, or of another form, settles nothing."""
    with pytest.raises(UpstreamError):
        adapter.resolve(read(*_WANTED), {_BY_NAME: told})


def test_a_creation_asks_nothing(read: Callable[..., Reading]) -> None:
    """Without `get_or_create` the database itself refuses a name that exists."""
    assert read("POST", _COLLECTIONS, {"name": "notes", "get_or_create": False}).questions == ()


@pytest.mark.parametrize("tenant", ["a%20b", "caf%C3%A9", "x%3Fy"])
def test_question_is_asked_about_the_tenant_in_the_path(tenant: str, read: Callable[..., Reading]) -> None:
    """The question names the tenant of the path, escaped where it must be."""
    (question,) = read("GET", f"/api/v2/tenants/{tenant}/databases/d/collections/{_ID}/count").questions

    assert f"/api/v2/tenants/{tenant}/databases/d/collections/by-id/{_ID}" == question.target


def test_head_is_forwarded_as_head(adapter: Adapter, ask: Callable[..., Reading], records: str) -> None:
    """HEAD is the operation of GET and stays HEAD."""
    reading = ask("HEAD", f"{records}/count")

    assert (reading.operations[0].action, adapter.write(reading).method) == ("count", "HEAD")


# --- content -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        b"application/json",
        b"application/json; charset=utf-8",
        b'Application/JSON;charset="UTF-8"',
        b"application/json;charset=utf-8",
    ],
)
def test_plain_json_is_read(kind: bytes, read: Callable[..., Reading], records: str) -> None:
    """JSON in UTF-8 is read, however its type is spelt."""
    assert read("POST", f"{records}/get", {}, (("content-type", kind), ("content-encoding", b"identity"))).operations


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (("content-type", b"text/plain"),),
        (("content-type", b"application/x-www-form-urlencoded"),),
        (("content-type", b"application/vnd.api+json"),),
        (("content-type", b"application/json; charset=utf-16"),),
        (("content-type", b"application / json"),),
        (("content-type", b'app"lication/json"'),),
        (("content-type", b"application/json; charset=utf-8; x=1"),),
        (("content-type", b"application/json, text/plain"),),
        (("content-type", b"application/json"), ("content-type", b"text/plain")),
        (("content-type", b"application/json"), ("content-encoding", b"gzip")),
        (("content-type", b"application/json"), ("content-encoding", b"identity, gzip")),
        (("content-type", b"application/json"), ("content-encoding", b"")),
    ],
)
def test_content_under_another_name(fields: Any, read: Callable[..., Reading], records: str) -> None:
    """A body of another type or encoding, or of two types, is not read."""
    with pytest.raises(Unsupported):
        read("POST", f"{records}/get", {}, fields)


# --- health --------------------------------------------------------------------------------------------------------------


def _head(method: str, path: str) -> Head:
    return Head(side=Side.REQUEST, fields=((":method", method.encode()), (":path", path.encode())), end_of_stream=True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v2", {"nanosecond heartbeat": 17}),
        ("/api/v2/heartbeat", {"nanosecond heartbeat": 17}),
        ("/api/v2/healthcheck", {"is_executor_ready": True, "is_log_client_ready": True}),
    ],
)
def test_health_is_answered_by_the_gateway(path: str, expected: Any, adapter: Adapter) -> None:
    """Probes without a credential get Chroma's own answer; HEAD gets no body."""
    answer = adapter.health(_head("GET", path), 17)
    silent = adapter.health(_head("HEAD", path), 17)

    assert isinstance(answer, Immediate)
    assert (200, expected) == (answer.status, msgspec.json.decode(answer.body))
    assert isinstance(silent, Immediate)
    assert (silent.status, silent.body) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v2/heartbeat"),
        ("get", "/api/v2/heartbeat"),
        ("GET", "/api/v2/heartbeat/"),
        ("GET", "/api/v2/heartbeat?x=1"),
        ("GET", "/api/v2/heart%62eat"),
        ("GET", "//api/v2/heartbeat"),
        ("GET", "/api/v2/version"),
        ("GET", "/api/v2/auth/identity"),
        ("GET", "/api/v1/heartbeat"),
        ("GET", "/"),
    ],
)
def test_nothing_else_is_a_health_check(method: str, path: str, adapter: Adapter) -> None:
    """Only the exact paths are answered without a caller."""
    assert adapter.health(_head(method, path), 17) is None


def test_health_by_two_paths(adapter: Adapter) -> None:
    """A head with two paths is no health check."""
    head = Head(
        side=Side.REQUEST,
        fields=((":method", b"GET"), (":path", b"/api/v2/heartbeat"), (":path", b"/api/v2/version")),
        end_of_stream=True,
    )

    assert adapter.health(head, 17) is None


def test_forms_of_other_adapters_are_no_requests(adapter: Adapter) -> None:
    """A reading that this adapter did not make is a mistake of the program."""
    with pytest.raises(TypeError):
        adapter.write(Reading(operations=(), form=object()))
