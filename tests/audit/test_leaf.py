"""The leaf: canonical, complete, and free of what is private."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import leaf
from extproc.audit.entry import Entry, Fact, Private
from extproc.audit.leaf import Salts
from extproc.operation import Principal
from support.evidence import PERSON, PRINCIPAL, SOURCE, entry

SALTS = Salts.cut(bytes(range(96)))
# Private strings are drawn from an alphabet of their own, so that one found in a leaf got there and is no coincidence.
HEBREW = "אבגדהוזח"
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=HEBREW), max_size=12)
private_text = st.text(st.sampled_from(HEBREW), min_size=4, max_size=12)
facts = st.builds(
    Fact,
    action=text,
    scope=text,
    collection=st.none() | text,
    decision=st.sampled_from(["allow", "deny"]),
    reasons=st.lists(text, max_size=2).map(tuple),
    obligations=st.lists(text, max_size=2).map(tuple),
    rows=st.none() | st.integers(0, 2**40),
    masked_fields=st.lists(text, max_size=2).map(tuple),
    masked_values=st.integers(0, 2**40),
)
entries = st.builds(
    Entry,
    kind=st.sampled_from(["intent", "outcome", "login_rejected", "start", "stop"]),
    time_ns=st.integers(0, 4 * 10**18),
    exchange=text,
    database=text,
    engine=text,
    facts=st.lists(facts, max_size=3).map(tuple),
    decision=st.sampled_from(["allow", "deny", None]),
    reasons=st.lists(text, max_size=2).map(tuple),
    revision=text,
    status=st.none() | st.integers(100, 599),
    end=st.sampled_from(["delivered", "denied", "failed", "aborted", None]),
    asked=st.integers(0, 99),
    detail=st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=6), text, max_size=4),
)
principals = st.builds(
    Principal,
    id=private_text,
    issuer=private_text,
    subject=private_text,
    person=st.none() | private_text,
    kind=st.just("human"),
    roles=st.tuples(private_text),
    groups=st.tuples(private_text),
    claims=st.dictionaries(private_text, private_text, max_size=2),
)
documents = st.lists(private_text.map(lambda value: msgspec.Raw(msgspec.json.encode(value))), max_size=2).map(tuple)
privates = st.builds(
    Private,
    principal=st.none() | principals,
    claimed=st.none() | st.dictionaries(private_text, private_text, max_size=2),
    source=private_text,
    user_agent=private_text,
    trace=private_text,
    inputs=documents,
    returned=st.tuples(documents),
)


def encoded(found: Entry, **changed: Any) -> bytes:
    """Return the leaf of `found` with made-up ciphertexts."""
    given_: dict[str, Any] = {
        "log": "o/w",
        "index": 7,
        "salts": SALTS,
        "slot": b"slot",
        "private": b"sealed",
        "recording": None,
    }
    return leaf.encode(found, **(given_ | changed))


@given(entries, st.integers(0, 2**52))
def test_a_leaf_is_canonical_json(found: Entry, index: int) -> None:
    """The bytes of a leaf are those that an independent RFC 8785 implementation gives for the same document."""
    line = encoded(found, index=index)

    assert rfc8785.dumps(msgspec.json.decode(line)) == line


@given(entries, privates)
def test_no_private_value_gets_into_a_leaf(found: Entry, private: Private) -> None:
    """No string of the private part occurs in the leaf, in the clear or escaped."""
    strings = _strings(msgspec.json.decode(msgspec.json.encode(private)))
    line = encoded(msgspec.structs.replace(found, private=private))

    assert private.source in strings
    assert [value for value in strings if value.encode() in line or value.encode("unicode_escape") in line] == []


def _strings(document: Any) -> list[str]:
    """Return every private string of a JSON document, names of members included."""
    match document:
        case str():
            return [document] if set(document) <= set(HEBREW) else []
        case dict():
            return [found for pair in document.items() for part in pair for found in _strings(part)]
        case list():
            return [found for part in document for found in _strings(part)]
    return []


def test_a_commitment_is_the_digest_of_salt_name_and_value() -> None:
    """Whoever is shown a salt and a value can check the commitment with SHA-256 alone."""
    commitments = msgspec.json.decode(encoded(entry()))["commitments"]

    expected = {
        "principal": sha256(bytes(range(32)) + b"principal\0" + PRINCIPAL.id.encode()).hexdigest(),
        "person": sha256(bytes(range(32, 64)) + b"person\0" + PERSON.encode()).hexdigest(),
        "source": sha256(bytes(range(64, 96)) + b"source\0" + SOURCE.encode()).hexdigest(),
    }
    assert expected == commitments


def test_what_is_unknown_is_not_committed_to() -> None:
    """An entry without principal and source has no commitments, so their absence can be seen."""
    assert msgspec.json.decode(encoded(entry(private=Private())))["commitments"] == {}


def test_a_leaf_commits_to_both_ciphertexts() -> None:
    """The digests in a leaf are those of the sealed parts as they lie on disk."""
    found = msgspec.json.decode(encoded(entry(), private=b"one", recording=b"two"))

    assert (sha256(b"one").hexdigest(), {"level": "request", "sha256": sha256(b"two").hexdigest(), "truncated": False}) == (
        found["private"],
        found["recording"],
    )


def test_without_a_recording_the_level_is_metadata() -> None:
    """A leaf says at which level the exchange was recorded."""
    assert msgspec.json.decode(encoded(entry()))["recording"] == {"level": "metadata", "sha256": None, "truncated": False}


@pytest.mark.parametrize(
    ("time_ns", "expected"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
        (1_709_164_800_999_999_999, "2024-02-29T00:00:00.999999999Z"),
    ],
)
def test_times_keep_their_nanoseconds(time_ns: int, expected: str) -> None:
    """A time is RFC 3339 text in UTC with nine digits, which a double could not hold."""
    assert expected == leaf.rfc3339(time_ns)


def test_names_that_sort_differently_elsewhere_are_refused() -> None:
    """A name in `detail` that is not ASCII is refused: RFC 8785 sorts by UTF-16 and others by code point."""
    with pytest.raises(ValueError, match="not ASCII"):
        encoded(entry(detail={"\U00010000": "x"}))
