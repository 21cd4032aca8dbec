"""What Envoy says of a token becomes filter metadata again, and nothing else does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.control.callers import SOURCE_HEADER, VERIFIED_HEADER, circumstances, received

NAMESPACE = "envoy.filters.http.jwt_authn"


def test_what_envoy_verified_is_metadata_again() -> None:
    """In letters of any script, as its bytes stand in the field."""
    verified = {"payload_0": {"sub": "Zoë 名", "exp": 1}}
    fields = [(VERIFIED_HEADER.encode(), json.dumps(verified, ensure_ascii=False).encode()), (b"Accept", b"*/*")]

    head = received(fields, NAMESPACE)

    assert (head.metadata, head.values("accept")) == ({NAMESPACE: verified}, [b"*/*"])


@given(st.binary(max_size=40) | st.sampled_from([b"[]", b'"x"', b"1", b"-", b"{", b'{"payload_0":']))
def test_what_is_no_object_says_nothing(value: bytes) -> None:
    """A field that cannot be read leaves nobody known."""
    found = received([(VERIFIED_HEADER.encode(), value)], NAMESPACE).metadata

    assert found in ({}, {NAMESPACE: {}})


def test_two_fields_are_no_object() -> None:
    """Envoy sets one; were there two, neither would count."""
    field = (VERIFIED_HEADER.encode(), b'{"payload_0": {}}')

    assert received([field, field], NAMESPACE).metadata == {}


@pytest.mark.parametrize("agent", ["cli/1", "x" * 300])
def test_circumstances_are_the_requests(agent: str) -> None:
    """Source and user agent, the latter cut short."""
    head = received([(SOURCE_HEADER.encode(), b"203.0.113.9"), (b"user-agent", agent.encode())], NAMESPACE)
    context = circumstances(head, time_ns=7, exchange="e")

    assert (context.source, context.user_agent, context.exchange, context.time_ns) == ("203.0.113.9", agent[:256], "e", 7)
