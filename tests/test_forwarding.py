"""Which header fields cross the gateway."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import UpstreamError
from extproc.events import Fields, Head, Replace, Side
from extproc.forwarding import require_readable, towards_client, towards_database
from extproc.protocols.adapter import Outgoing

NEEDED = {
    "accept",
    "content-type",
    "content-length",
    "transfer-encoding",
    "user-agent",
    "x-request-id",
    "traceparent",
    "tracestate",
}
names = st.from_regex(r":?[a-z][a-z0-9-]{0,15}", fullmatch=True) | st.sampled_from(
    ["authorization", "x-chroma-token", "cookie", "x-http-method-override", "x-proxy-user", "accept-encoding", "range", *NEEDED]
)


def forwarded(fields: Fields, reply: Replace) -> Fields:
    """Return the fields that the database receives, as Envoy applies a mutation: removals, then overwrites."""
    changed = {name for name, _ in reply.set_fields}
    kept = tuple((name, value) for name, value in fields if name not in reply.remove_fields and name not in changed)
    return kept + reply.set_fields


def request(fields: Fields, credential: tuple[str, bytes] | None = ("x-chroma-token", b"own")) -> Fields:
    """Return what the database receives of a request with these fields."""
    head = Head(side=Side.REQUEST, fields=fields, end_of_stream=False)
    outgoing = Outgoing(method="POST", target="/canonical", body=b"12345")
    return forwarded(fields, towards_database(head, outgoing, credential))


@given(st.lists(st.tuples(names, st.binary(max_size=9)), max_size=12))
def test_only_needed_fields_and_our_own_credential_reach_the_database(fields: list[tuple[str, bytes]]) -> None:
    """Whatever a client sends, nothing but the short list passes, and the credential is the gateway's, once."""
    sent = (*fields, (":path", b"/raw"), ("content-length", b"99"))

    received = request(sent)

    assert {name for name, _ in received if not name.startswith(":")} <= NEEDED | {"x-chroma-token"}
    assert [value for name, value in received if name == "x-chroma-token"] == [b"own"]
    assert [value for name, value in received if name == ":path"] == [b"/canonical"]
    assert [value for name, value in received if name == "content-length"] == [b"5"]


@pytest.mark.parametrize("header", ["x-chroma-token", "authorization"])
def test_a_clients_token_is_removed_even_where_the_gateway_has_no_credential(header: str) -> None:
    """Without a credential of its own the gateway still takes the client's token away."""
    assert request(((":path", b"/canonical"), (header, b"Bearer a.b.c")), credential=None) == ((":path", b"/canonical"),)


def test_a_chunked_request_gets_no_length_beside_it() -> None:
    """A body of unknown length stays chunked: a second framing would be smuggling."""
    received = request(((":path", b"/raw"), ("transfer-encoding", b"chunked")))

    assert "content-length" not in {name for name, _ in received}


@pytest.mark.parametrize("fields", [(), (("transfer-encoding", b"chunked"), ("content-type", b"text/plain"))])
def test_a_body_that_is_put_where_there_was_none_has_one_length_and_one_kind(fields: Fields) -> None:
    """A request whose client sent no body gets the adapter's, framed by its length, whatever the client said of it."""
    sent = ((":method", b"GET"), (":path", b"/raw"), *fields)
    head = Head(side=Side.REQUEST, fields=sent, end_of_stream=not fields)
    outgoing = Outgoing(method="POST", target="/canonical", body=b"12345", content_type=b"application/json")

    reply = towards_database(head, outgoing, None)

    assert dict(forwarded(sent, reply)) == {
        ":method": b"POST",
        ":path": b"/canonical",
        "content-length": b"5",
        "content-type": b"application/json",
    }
    assert reply.body == b"12345"


def answer(fields: Fields) -> Fields:
    """Return the fields that the client receives of a rewritten answer with these."""
    head = Head(side=Side.RESPONSE, fields=fields, end_of_stream=False)
    return forwarded(fields, towards_client(head, b"{}"))


def test_a_rewritten_answer_loses_what_is_untrue_of_it() -> None:
    """Length, validators and digests follow the body that is delivered; what the database says besides stays, in its order."""
    own = ((":status", b"200"), ("set-cookie", b"b"), ("vary", b"origin"), ("set-cookie", b"a"))
    fields = (*own, ("content-length", b"999"), ("etag", b'"x"'), ("digest", b"y"), ("digest", b"z"), ("signature", b"s"))

    assert answer(fields) == (*own, ("content-length", b"2"), ("cache-control", b"no-store"))


@pytest.mark.parametrize("name", ["cache-control", "expires", "cdn-cache-control", "surrogate-control"])
def test_no_cache_keeps_what_was_masked_for_one_caller(name: str) -> None:
    """Whatever the database allows caches to do with its own answer, a rewritten one is not to be stored."""
    kept = [(field, value) for field, value in answer(((":status", b"200"), (name, b"public"))) if field != ":status"]

    assert kept == [("cache-control", b"no-store")]


def test_a_rewritten_answer_of_unknown_length_gets_none() -> None:
    """An answer in chunks stays in chunks: a second framing would be smuggling."""
    assert "content-length" not in {name for name, _ in answer(((":status", b"200"), ("transfer-encoding", b"chunked")))}


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"identity, gzip", b"\xff"])
def test_an_encoded_answer_is_refused(encoding: bytes) -> None:
    """An answer in an encoding that nobody asked for cannot be read, so it is not delivered."""
    head = Head(side=Side.RESPONSE, fields=(("content-encoding", encoding),), end_of_stream=False)

    with pytest.raises(UpstreamError) as caught:
        require_readable(head)
    assert caught.value.code == "answer_encoded"


def test_a_part_of_an_answer_is_refused() -> None:
    """Ranges are never asked for; a part of a document cannot be masked as what it is a part of."""
    head = Head(side=Side.RESPONSE, fields=((":status", b"206"), ("content-range", b"bytes 0-1/9")), end_of_stream=False)

    with pytest.raises(UpstreamError) as caught:
        require_readable(head)
    assert caught.value.code == "answer_partial"


@pytest.mark.parametrize(
    "fields", [(), ((":status", b"200"),), (("content-encoding", b"identity"),), (("content-encoding", b""),)]
)
def test_a_plain_answer_is_read(fields: Fields) -> None:
    """No encoding, or the identity, is readable."""
    require_readable(Head(side=Side.RESPONSE, fields=fields, end_of_stream=False))
