"""The Chroma adapter: whose collection an id is, in every spelling; health; content; errors and denials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from extproc.errors import Malformed, NotFound, Unsupported, UpstreamError
from extproc.events import Head, Side
from extproc.protocols.adapter import Adapter, Question, Reading

_ID = "0953c020-14d8-44fc-af67-7dfb545a9d9a"
_TOLD = {"id": _ID, "name": "notes", "tenant": "acme", "database": "main", "metadata": None}
_QUESTION = Question(topic="collection", method="GET", target=f"/api/v2/tenants/acme/databases/main/collections/by-id/{_ID}")

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


def test_rename_is_said_to_make_answers_untrue(adapter: Adapter, read: Callable[..., Reading], records: str) -> None:
    """A rename makes the known name untrue, also after the question was answered; other changes do not."""
    rename = read("PUT", records, {"new_name": "other"})

    assert rename.renames
    assert adapter.resolve(rename, {_QUESTION: _TOLD}).renames
    assert not read("PUT", records, {"new_name": None, "new_metadata": {"a": 1}}).renames
    assert not read("POST", f"{records}/get", {}).renames


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

    assert answer is not None
    assert (200, expected) == (answer.status, msgspec.json.decode(answer.body))
    assert silent is not None
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
