"""What Envoy's codec refuses never reaches the service, and is on record all the same."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from extproc.audit.leaf import Leaf
from extproc.audit.reader import read_leaves
from support.database import Recorder
from support.gateway import Gateway, running
from support.shelf import RECORDS

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def gateway(book: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under an allow-all policy."""
    with running(tmp_path_factory.mktemp("codec"), f"http://127.0.0.1:{book.port}") as found:
        yield found


def send(gateway: Gateway, raw: bytes) -> bytes:
    """Return whatever comes back for raw bytes."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(raw)
        answer = b""
        try:
            while chunk := connection.recv(65536):
                answer += chunk
                if b"\r\n\r\n" in answer:
                    break
        except ConnectionResetError:
            pass
        return answer


def refusals(gateway: Gateway) -> list[Leaf]:
    """Return the leaves of what was refused before the service."""
    return [leaf for leaf in read_leaves(gateway.audit) if leaf.reasons == ("protocol_refused",)]


CASES = {
    "a header section too large": b"x-big: " + b"a" * 100_000 + b"\r\n",
    "an underscore in a header name": b"x_chroma_token: a.b.c\r\n",
    "two lengths at once": b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
    "two different lengths": b"content-length: 5\r\ncontent-length: 6\r\n",
}


@pytest.mark.parametrize("name", list(CASES))
def test_a_request_that_the_codec_refuses_is_on_record(gateway: Gateway, book: Recorder, name: str) -> None:
    """The database sees nothing, the client no answer of its, and the log what Envoy said."""
    token = gateway.issuer.token("reader").encode()
    raw = b"POST %b/get HTTP/1.1\r\nhost: kb\r\nx-chroma-token: %b\r\n%b\r\nhello" % (RECORDS.encode(), token, CASES[name])
    before, known = len(book.seen), len(refusals(gateway))

    answer = send(gateway, raw)

    assert not answer.startswith(b"HTTP/1.1 200")
    assert len(book.seen) == before
    for _ in range(200):
        if len(refusals(gateway)) > known:
            break
        time.sleep(0.05)
    leaf = refusals(gateway)[-1]
    assert (len(refusals(gateway)), leaf.kind, leaf.decision, leaf.database) == (known + 1, "outcome", "deny", "kb")
    assert leaf.detail["envoy"]
    assert set(leaf.commitments) == {"source"}


def test_a_method_that_is_none_is_refused(gateway: Gateway, book: Recorder) -> None:
    """A method that HTTP does not know reaches neither the service nor the database."""
    before = len(book.seen)

    answer = send(gateway, b"G@T / HTTP/1.1\r\nhost: kb\r\n\r\n")

    assert not answer.startswith(b"HTTP/1.1 2")
    assert len(book.seen) == before


@pytest.mark.parametrize(
    "target",
    [
        "/api/v2/tenants/default_tenant/databases/default_database%2fcollections",
        "/api/v2/tenants/default_tenant/databases/default_database/collections%5c",
        "/api/v2/tenants/default_tenant/databases/default_database/collections%00",
        "/api/v2/../v2/reset",
        "//api/v2/heartbeat",
        "/api/v2/tenants/default_tenant//databases",
        "/api/v2/%74enants/default_tenant/",
        "/API/v2/heartbeat",
    ],
)
def test_a_path_that_two_readers_could_read_in_two_ways_is_refused(gateway: Gateway, book: Recorder, target: str) -> None:
    """Encoded slashes, NUL, dots, doubled slashes and case tricks are refused, whoever of the two readers refuses first."""
    before = len(book.seen)
    token = gateway.issuer.token("reader")

    answer = send(gateway, f"GET {target} HTTP/1.1\r\nhost: kb\r\nx-chroma-token: {token}\r\n\r\n".encode())

    assert answer.split(b" ", 2)[1][:1] == b"4"
    assert len(book.seen) == before
