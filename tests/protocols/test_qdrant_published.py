"""Requests in every form that Qdrant's published API has: no member of theirs is unknown here."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import Error
from extproc.protocols.qdrant_methods import CALLS
from extproc.protocols.qdrant_rows import SHAPES
from support import qdrant_asks as asks
from support.qdrant_answers import answers, messages, requests
from support.qdrant_requests import path

DEEPEST = 3
"""How deep bodies are made up; queries are nested without end."""
MOST = 1500

BODIES = requests()


def given(value: Any) -> Any:
    """Return a body without what is null or says nothing."""
    match value:
        case dict():
            found = {name: given(inner) for name, inner in value.items()}
            if found.keys() == {"defaults", "formula"} and not found["formula"]:
                return {}
            return {name: inner for name, inner in found.items() if inner not in (None, {}, [])}
        case list():
            return [inner for inner in map(given, value) if inner not in (None, {})]
        case _:
            return value


@pytest.mark.parametrize(("method", "template"), sorted(key for key in BODIES if key in SHAPES))
def test_no_published_member_is_unknown(method: str, template: str) -> None:
    """Values are made up, so many a body is malformed; but none is refused for a member that this gateway has not heard of."""
    unknown = set()
    for body in answers(BODIES[method, template], deepest=DEEPEST)[:MOST]:
        try:
            asks.read(asks.rest(method, path(template), given(body)))
        except Error as error:
            unknown |= {str(error)} if error.code == "member_unknown" else set()

    assert unknown == set()


@pytest.mark.parametrize("rpc", sorted(CALLS))
def test_every_published_message_is_read_or_refused(rpc: str) -> None:
    """Whatever choice a message makes, or leaves open, it is understood or refused, and nothing else comes of it."""
    ends = set()
    for message in messages(CALLS[rpc].request, deepest=DEEPEST + 1)[:MOST]:
        try:
            asks.read(asks.grpc(rpc, message))
            ends.add("read")
        except Error as error:
            ends.add(error.code)

    # Made up as they are, many leave a choice open or nest too deep; none holds anything that is not known.
    assert ends - {"read", "request_malformed", "filter_malformed"} == set()


def test_every_published_body_is_of_an_operation_that_is_read() -> None:
    """Only files of snapshots are published and not read here."""
    assert sorted(template for _, template in BODIES.keys() - SHAPES.keys()) == []
