"""A mask is never written back over what it hides, in whatever spelling and however deep; what only looks like one may be."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.decision import Operator, Partial, PartialOperator
from extproc.errors import Denied
from extproc.obligations.marks import refuse_written_masks
from extproc.obligations.operators import Constant, Derived, MaskKey, veil
from extproc.secret import Secret

KEY = MaskKey.derive("k-1", Secret(b"a key of the tests"))
ENTITIES = frozenset({"EMAIL_ADDRESS", "US_SSN", "PROJECT"})


def refused(stored: bytes) -> bool:
    """Say whether a write is refused."""
    try:
        refuse_written_masks(stored, ENTITIES)
    except Denied as error:
        return error.code == "masked_value_written"
    return False


def masked(value: Any, operator: Operator) -> Any:
    """Return what an operator makes of a value."""
    made = veil(operator, KEY, "kb", "c")
    match made:
        case Constant(value=constant):
            return json.loads(bytes(constant))
        case Derived(make=make):
            return json.loads(bytes(make(msgspec.Raw(msgspec.json.encode(value)), "f")))
        case _:
            raise AssertionError


kept = st.integers(0, 600).map(lambda keep: PartialOperator(partial=Partial(keep_last=keep)))
texts = st.text(st.characters(codec="utf-8"), max_size=600) | st.integers()


@given(value=texts, operator=st.sampled_from(["redact", "hash", "token"]) | kept, escaped=st.booleans(), data=st.data())
def test_what_a_mask_makes_is_refused(value: Any, operator: Operator, escaped: bool, data: st.DataObject) -> None:
    """Every mask that shows, of every value, with any text around it, spelt in any way."""
    around = data.draw(st.text(st.characters(codec="utf-8"), max_size=5))
    document = {"metadatas": [{"a": {"b": [f"{around}{masked(value, operator)}{around}"]}}]}

    assert refused(json.dumps(document, ensure_ascii=escaped).encode())


def test_a_mask_inside_of_a_text_is_refused() -> None:
    """Of each entity that is found here, those of the configuration too."""
    stored = [json.dumps({"documents": [f"write to [{entity}] please"]}).encode() for entity in ENTITIES]

    assert [refused(each) for each in stored] == [True] * 3


@pytest.mark.parametrize(
    "stored",
    [
        b'{"documents":["\\u005bREDACTED]"]}',
        b'{"documents":["\\u005b\\u0052\\u0045DACTED\\u005d"]}',
        b'{"documents":["[\\u0052EDACTED]"]}',
    ],
)
def test_a_mask_spelt_with_escapes_is_refused(stored: bytes) -> None:
    """A client may spell any letter with an escape; it is stored without."""
    assert refused(stored)


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b'{"documents":["REDACTED","[redacted]","[ REDACTED ]","[]","[x]"]}',
        b'{"documents":["[hash:k1:zz]","[token:k1:short]","[PHONE]"]}',
        b'{"documents":["[****","]"]}',
        b'{"documents":["****1234"],"ids":[["a"]]}',
    ],
)
def test_what_only_resembles_a_mask_is_written(stored: bytes) -> None:
    """Brackets, stars and words are a client's own."""
    assert not refused(stored)
