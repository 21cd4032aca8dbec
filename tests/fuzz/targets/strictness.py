"""Strict JSON beside the standard library: what is accepted is JSON, with the same value, and no key comes twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from extproc.errors import Malformed
from extproc.protocols import strict_json
from fuzz import plain_json
from fuzz.mutation import tree as mutate

_TEXTS = msgspec.json.Decoder(list[str | None])

_LONGEST_REFUSAL = 1024  # a name of 64 characters, each escaped, and the sentence around it

__all__ = ["check", "mutate"]


def check(data: bytes) -> None:
    """Read a body and each of its members in every way in which one is read."""
    try:
        members = strict_json.members(data, ("embeddings",))
    except Malformed:
        return
    lenient = plain_json.pairs(data)
    assert list(members) == [key for key, _ in lenient], "members are lost"
    assert len({key.casefold() for key in members}) == len(lenient)
    for name, raw in members.items():
        _accepted(_value, raw, name)
        _accepted(_objects, raw, name)
        _accepted(_texts, raw, name)
        _accepted(_vectors, raw, name)


def _accepted(reads: Callable[[msgspec.Raw, str], None], raw: msgspec.Raw, name: str) -> None:
    refusal = ""
    try:
        reads(raw, name)
    except Malformed as error:
        refusal = str(error)
    assert len(refusal) < _LONGEST_REFUSAL, "a refusal quotes the body"


def _value(raw: msgspec.Raw, name: str) -> None:
    found = strict_json.value(raw, name)
    if name != "embeddings":  # whose encoding is left to `vectors`
        _encoded(found)
    assert plain_json.text(found) == plain_json.text(plain_json.read(bytes(raw)))


def _objects(raw: msgspec.Raw, name: str) -> None:
    found = strict_json.objects(raw, name)
    for members, lenient in zip(found, plain_json.pairs(bytes(raw)), strict=True):
        if members is None:
            assert lenient is None
        else:
            assert list(members) == [key for key, _ in lenient]
            assert len(set(members)) == len(lenient)


def _texts(raw: msgspec.Raw, name: str) -> None:
    found = strict_json.typed(raw, _TEXTS, name)
    _encoded(found)
    assert found == plain_json.read(bytes(raw))


def _vectors(raw: msgspec.Raw, name: str) -> None:
    count = strict_json.vectors(raw, name)
    found = plain_json.read(bytes(raw))
    assert isinstance(found, list)
    assert count >= sum(isinstance(each, list | str) for each in found), "fewer vectors than there are"
    assert all(not isinstance(each, dict) for each in found)


def _encoded(found: Any) -> None:
    assert msgspec.json.encode(found), "what was read cannot be written"
