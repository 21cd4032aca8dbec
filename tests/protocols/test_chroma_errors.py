"""Errors keep their native name and status, and none of the values that the database quotes in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from extproc import errors
from extproc.events import Response
from extproc.protocols.adapter import Adapter, Denial


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "InvalidArgumentError"),
        (404, "NotFoundError"),
        (409, "UniqueConstraintError"),
        (409, "ChromaError"),
        (422, "ChromaError"),
        (429, "RateLimitError"),
        (500, "InternalError"),
        (501, "ChromaError"),
        (503, "ChromaError"),
    ],
)
def test_native_error_without_its_values(status: int, name: str, adapter: Adapter, response: Callable[..., Response]) -> None:
    """The client is told the database's own name and status, in words that quote nothing."""
    native = adapter.read_error(response({"error": name, "message": "where: secret", "indexing_status": {"x": 1}}, status))

    body = msgspec.json.decode(native.body)
    assert (status, name, {"error", "message"}) == (native.status, body["error"], set(body))
    assert b"secret" not in native.body
    assert native.fields == (("content-type", b"application/json"),)


@pytest.mark.parametrize(
    ("field", "value", "crosses"),
    [
        ("retry-after", b"30", True),
        ("retry-after", b"Wed, 21 Oct 2026 07:28:00 GMT", False),
        ("retry-after", b"ask grace@navy.test", False),
        ("chroma-trace-id", b"0af7651916cd43dd8448eb211c80319c", True),
        ("chroma-trace-id", b"secret", False),
        ("x-quoted", b"30", False),
    ],
)
def test_of_an_errors_fields_only_those_cross_that_can_quote_nothing(
    *, field: str, value: bytes, crosses: bool, adapter: Adapter, response: Callable[..., Response]
) -> None:
    """A client learns when to try again and which trace to look at, in the plain form of each; nothing else."""
    answered = response({"error": "RateLimitError", "message": "slow down"}, 429)
    head = replace(answered.head, fields=(*answered.head.fields, (field, value)))

    native = adapter.read_error(replace(answered, head=head))

    assert ((field, value) in native.fields) == crosses
    assert len(native.fields) == 1 + crosses


@pytest.mark.parametrize(("status", "words"), [(409, "already exists"), (501, "not implemented"), (503, "refused")])
def test_status_says_what_the_catch_all_name_does_not(
    status: int, words: str, adapter: Adapter, response: Callable[..., Response]
) -> None:
    """The catch-all error keeps its meaning in the text."""
    native = adapter.read_error(response({"error": "ChromaError", "message": "secret"}, status))

    assert words in msgspec.json.decode(native.body)["message"]


def test_every_name_of_the_official_client_is_kept(adapter: Adapter, response: Callable[..., Response]) -> None:
    """Each name by which the official client raises an error of its own goes through, and no other does."""
    known = pytest.importorskip("chromadb.errors").error_types

    kept = {
        name: msgspec.json.decode(adapter.read_error(response({"error": name, "message": "m"}, 400)).body)["error"]
        for name in (*known, "secret")
    }

    assert {**{name: name for name in known}, "secret": "ChromaError"} == kept


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>secret</html>", 500),
        (b"secret", 400),
        (b"", 500),
        (b"", 418),
        ([], 400),
        ({"error": 5, "message": "secret"}, 400),
        ({"message": "secret"}, 400),
        ({"error": "InternalError"}, 500),
        ({"detail": "secret"}, 422),
        ({"error": "InternalError", "message": "secret"}, 302),
        ({"error": "InternalError", "message": "secret"}, 600),
        (b'{"error":"' + b"\xff" + b'","message":"x"}', 500),
        (b"[" * 100_000, 500),
    ],
)
def test_error_that_is_not_chromas(body: Any, status: int, adapter: Adapter, response: Callable[..., Response]) -> None:
    """What has not the form of Chroma's errors becomes a plain 502."""
    native = adapter.read_error(response(body, status))

    assert native.status == 502
    assert msgspec.json.decode(native.body) == {
        "error": "InternalError",
        "message": "the database's error cannot be passed on",
    }


@pytest.mark.parametrize(("status", "name"), [(400, "InvalidArgumentError"), (404, "NotFoundError")])
def test_error_without_a_body(status: int, name: str, adapter: Adapter, response: Callable[..., Response]) -> None:
    """An answer to HEAD has no body, so its status alone says what was wrong."""
    native = adapter.read_error(response(b"", status))

    assert (status, name) == (native.status, msgspec.json.decode(native.body)["error"])


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (errors.Unauthenticated("who?"), 401, "AuthError"),
        (errors.Denied("no", code="action_not_granted"), 403, "AuthError"),
        (errors.Unfulfillable("no"), 403, "AuthError"),
        (errors.Unrecognised("what?"), 403, "AuthError"),
        (errors.NotFound("nothing"), 404, "NotFoundError"),
        (errors.Malformed("bad"), 400, "InvalidArgumentError"),
        (errors.TooLarge("big"), 413, "InvalidArgumentError"),
        (errors.Unsupported("odd"), 415, "InvalidArgumentError"),
        (errors.AuditError("full"), 500, "InternalError"),
        (errors.UpstreamError("down"), 502, "InternalError"),
    ],
)
def test_denial_is_native(error: errors.Error, status: int, name: str, adapter: Adapter) -> None:
    """A denial has the form, the name and the status that the official client turns into its own exception."""
    denied = adapter.denial(Denial(error=error, exchange="0f12"))

    expected = {"error": name, "message": f"denied by Vecgate: {error.code} (exchange 0f12): {error}"}
    assert (status, expected, error.code) == (denied.status, msgspec.json.decode(denied.body), denied.details)


def test_login_is_challenged(adapter: Adapter) -> None:
    """A 401 says which kind of credential is wanted (RFC 9110, section 15.5.2); other denials do not."""
    login = adapter.denial(Denial(error=errors.Unauthenticated("who?"), exchange="0f12"))
    other = adapter.denial(Denial(error=errors.Denied("no"), exchange="0f12"))

    assert ("www-authenticate", b"Bearer") in login.fields
    assert "www-authenticate" not in dict(other.fields)


def test_denial_raises_the_clients_own_error(adapter: Adapter) -> None:
    """The official client raises its own exception for a denial, with the reason and the exchange in its text."""
    httpx = pytest.importorskip("httpx")
    http_client = pytest.importorskip("chromadb.api.base_http_client").BaseHTTPClient
    client_errors = pytest.importorskip("chromadb.errors")
    denied = adapter.denial(Denial(error=errors.Denied("no", code="action_not_granted"), exchange="0f12"))
    answer = httpx.Response(denied.status, content=denied.body, request=httpx.Request("GET", "http://127.0.0.1/"))

    with pytest.raises(client_errors.ChromaAuthError, match=r"action_not_granted \(exchange 0f12\)"):
        http_client._raise_chroma_error(answer)
