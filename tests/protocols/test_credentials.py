"""An answer that says that the database does not take the gateway's own credential, in each protocol's words."""

from __future__ import annotations

import pytest

from extproc.events import Fields, Head, Response, Side, Transport
from extproc.protocols import adapter_for


def answer(status: int, *fields: tuple[str, bytes], trailers: Fields = (), body: bytes = b"") -> Response:
    """Return a response of the database's."""
    head = Head(side=Side.RESPONSE, fields=((":status", str(status).encode()), *fields), end_of_stream=False)
    return Response(status=status, head=head, body=body, trailers=trailers)


ANSWERS: dict[str, tuple[str, Transport, Response, bool]] = {
    "Chroma's 401": ("chroma", "rest", answer(401), True),
    "Chroma's 403": ("chroma", "rest", answer(403), False),
    "Qdrant's 401": ("qdrant", "rest", answer(401), True),
    "Qdrant's 404": ("qdrant", "rest", answer(404), False),
    "a call's status in its head": ("qdrant", "grpc", answer(200, ("grpc-status", b"16")), True),
    "a call's status in its trailers": ("qdrant", "grpc", answer(200, trailers=(("grpc-status", b"16"),)), True),
    "a call that was answered by HTTP": ("qdrant", "grpc", answer(401), True),
    "a call that is not allowed": ("qdrant", "grpc", answer(200, ("grpc-status", b"7")), False),
    "a call that is well": ("qdrant", "grpc", answer(200, body=b"\x00\x00\x00\x00\x00"), False),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_refused_credential_is_told_from_other_errors(name: str) -> None:
    """Only what says that nobody was recognised is about the gateway's key."""
    engine, transport, response, expected = ANSWERS[name]

    assert adapter_for(engine, transport).unauthenticated(response) is expected
