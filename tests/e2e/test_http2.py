"""Requests over HTTP/2 that end in ways HTTP/1 cannot: none passes undecided."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from extproc.audit.reader import read_leaves
from support.database import Recorder
from support.gateway import STARTER, Gateway, running
from support.h2c import exchange
from support.shelf import COLLECTIONS, RECORDS

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def gateway(book: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under the starter policy."""
    with running(tmp_path_factory.mktemp("http2"), f"http://127.0.0.1:{book.port}", policy=STARTER) as found:
        yield found


def fields(gateway: Gateway, method: str, path: str, role: str) -> list[tuple[str, str]]:
    """Return the head of a request."""
    return [
        (":method", method),
        (":scheme", "http"),
        (":authority", "kb"),
        (":path", path),
        ("x-chroma-token", gateway.issuer.token(role)),
        ("content-type", "application/json"),
    ]


def reached(book: Recorder, before: int) -> list[str]:
    """Return the targets that the database was asked for, but for the gateway's own questions."""
    return [seen.target for seen in book.seen[before:] if "/by-id/" not in seen.target]


@pytest.mark.parametrize("role", ["nobody", "reader", "admin"])
@pytest.mark.parametrize("body", [None, b"", b"{}"], ids=["no data", "empty data", "data"])
def test_a_request_that_ends_in_trailers_never_passes_undecided(
    gateway: Gateway, book: Recorder, role: str, body: bytes | None
) -> None:
    """A head and trailers have no body message to decide on; such a request is refused, whoever sends it, and recorded."""
    before = len(book.seen)

    status, answer = exchange(
        gateway.port, fields(gateway, "DELETE", f"{COLLECTIONS}/tickets", role), body, [("x-checksum", "1")]
    )

    assert status in {400, 403}
    assert b"denied by Vecgate" in answer
    assert reached(book, before) == []
    assert list(read_leaves(gateway.audit))[-1].decision == "deny"


@pytest.mark.parametrize("body", [None, b"", b"{}"], ids=["no data", "empty data", "data"])
def test_a_request_that_would_be_allowed_is_refused_for_its_trailers(
    gateway: Gateway, book: Recorder, body: bytes | None
) -> None:
    """Even after its body was decided on, a request that turns out to have trailers does not leave."""
    before = len(book.seen)

    status, answer = exchange(gateway.port, fields(gateway, "POST", f"{RECORDS}/get", "reader"), body, [("x-checksum", "1")])

    assert status == 400
    assert b"denied by Vecgate" in answer
    assert reached(book, before) == []


@pytest.mark.parametrize(("role", "status"), [("nobody", 403), ("reader", 403), ("admin", 200)])
def test_the_same_request_without_trailers_is_decided(gateway: Gateway, book: Recorder, role: str, status: int) -> None:
    """Its nearest twin, ended as HTTP/2 requests end, gets the policy's decision."""
    before = len(book.seen)

    found, _ = exchange(gateway.port, fields(gateway, "DELETE", f"{COLLECTIONS}/tickets", role), None, None)

    assert found == status
    assert reached(book, before) == ([f"{COLLECTIONS}/tickets"] if role == "admin" else [])


def test_an_empty_data_frame_ends_a_request_like_any_other(gateway: Gateway, book: Recorder) -> None:
    """A body of no bytes in a frame of its own is decided on once it is whole, and nothing of the client's goes on."""
    before = len(book.seen)

    found, _ = exchange(gateway.port, fields(gateway, "GET", f"{RECORDS}/count", "reader"), b"", None)

    assert found == 200
    assert reached(book, before) == [f"{RECORDS}/count"]
    assert "authorization" not in dict(book.last().headers)
