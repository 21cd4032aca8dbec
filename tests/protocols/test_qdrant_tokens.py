"""Tokens that are signed for one request to Qdrant: they reach what was decided, and no more."""

from __future__ import annotations

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from extproc.config import MINTED
from extproc.operation import Operation
from extproc.protocols import MINTS
from extproc.protocols.qdrant_tokens import HEADER, LIFETIME, Access, access, mint

KEY = b"a key of the database that is long enough"


def operation(action: str, scope: str = "records", *, reads: tuple[str, ...] = (), writes: tuple[str, ...] = ()) -> Operation:
    """Return an operation."""
    return Operation(database="kb", engine="qdrant", action=action, scope=scope, reads=reads, writes=writes)


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([operation("search", reads=("a",))], [{"collection": "a", "access": "r"}]),
        ([operation("search", reads=("a", "b"))], [{"collection": "a", "access": "r"}, {"collection": "b", "access": "r"}]),
        ([operation("upsert", writes=("a",))], [{"collection": "a", "access": "rw"}]),
        ([operation("upsert", writes=("a",)), operation("get", reads=("a",))], [{"collection": "a", "access": "rw"}]),
        ([operation("list_collections", "cluster")], "r"),
        ([operation("describe_collection", "collection", reads=("a",))], "r"),
        ([operation("search", reads=("a",)), operation("alias_read", "cluster")], "r"),
        ([operation("create_collection", "collection", writes=("a",))], "m"),
        ([operation("telemetry", "cluster")], "m"),
        ([operation("delete_records")], "r"),
    ],
)
def test_a_token_reaches_what_was_decided(operations: list[Operation], expected: Access) -> None:
    """Records' collections by name; everything, read or managed, for what Qdrant gives nothing narrower for."""
    assert access(operations) == expected


def test_a_token_is_void_within_seconds() -> None:
    """It names its end, its subject and its reach, and is signed with the key."""
    token = mint(KEY, [operation("search", reads=("a",))], "https://idp.test#u-1", 1_800_000_000)

    assert jwt.decode(token, OctKey.import_key(KEY), algorithms=["HS256"]).claims == {
        "exp": 1_800_000_000 + LIFETIME,
        "subject": "https://idp.test#u-1",
        "access": [{"collection": "a", "access": "r"}],
    }
    assert LIFETIME <= 60


def test_the_engines_that_take_tokens_are_those_that_may_be_configured() -> None:
    """What the configuration admits is what can be minted."""
    assert dict(MINTED) == dict.fromkeys(MINTS, HEADER)
