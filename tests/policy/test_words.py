"""Obligations and terms in words: each of the closed list has some, and an operator says what it leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.decision import Level, combine, decode
from extproc.policy.words import of_obligation, of_operator, of_terms
from support.obliged import compared, mask, only, stamp

WORDS: list[tuple[dict[str, Any], str]] = [
    (only(compared("eq", "tenant", "t1")), 'filter {"type": "field", "operator": "eq", "field": "tenant", "value": "t1"}'),
    (stamp(tenant="t1"), 'stamp {"tenant": "t1"}'),
    ({"type": "limit", "max": 50}, "limit 50"),
    ({"type": "vectors", "return": False}, "vectors withheld"),
    ({"type": "vectors", "return": True}, "vectors returned"),
    ({"type": "scores", "mode": "drop"}, "scores dropped"),
    ({"type": "scores", "mode": "round", "digits": 2}, "scores 2 digits"),
    (mask("email", "name"), "mask email, name: redact"),
    (mask("card", how={"partial": {"keep_last": 4}}), "mask card: partial, 4 kept"),
    (
        {"type": "detect", "entities": ["EMAIL_ADDRESS"], "fields": ["document"], "with": "hash"},
        "detect EMAIL_ADDRESS in document: hash",
    ),
    ({"type": "approval", "approvers": ["role:dba"], "count": 2}, "approval by 2 of role:dba"),
    (
        {"type": "budget", "key": "k", "records": 10, "window": "1h", "then": "deny"},
        "budget k: 10 records in 1h",
    ),
    ({"type": "record", "level": "request"}, "record request"),
]


@pytest.mark.parametrize(("obligation", "words"), WORDS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_obligation_has_words(obligation: dict[str, Any], words: str) -> None:
    """As the contract lists them."""
    (found,) = decode(json.dumps({"allow": True, "obligations": [obligation]}).encode()).obligations

    assert of_obligation(found) == words


def test_terms_say_what_holds_in_the_end() -> None:
    """Of two masks on a field the stronger; limits, scores and vectors as they are combined."""
    obligations = [
        mask("email"),
        mask("email", how="drop"),
        {"type": "limit", "max": 50},
        {"type": "limit", "max": 20},
        {"type": "scores", "mode": "round", "digits": 2},
        {"type": "vectors", "return": False},
        stamp(tenant="t1"),
    ]
    terms = combine(decode(json.dumps({"allow": True, "obligations": obligations}).encode()), Level.REQUEST)

    assert list(of_terms(terms)) == [
        'stamped with {"tenant": "t1"}',
        "at most 20 records",
        "vectors withheld",
        "scores 2 digits",
        "email: drop",
        "recorded at level request",
    ]


def test_nothing_that_hides_leaves_a_field_clear() -> None:
    """A table says so."""
    assert of_operator(None) == "clear"
