"""The scribe: indexes without gaps, a key of its own for each record."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.audit.scribe import Scribe
from extproc.audit.sealing import SLOT_BYTES, Sealer, Wrapper
from extproc.errors import AuditError
from support.evidence import KEY, entry


def test_records_follow_each_other() -> None:
    """Indexes count on from where the journal stands."""
    scribe = Scribe(KEY, "o/w", "w", 41)

    assert [scribe.write(entry(number))[0].index for number in range(3)] == [41, 42, 43]


def test_every_record_has_its_slot_beforehand() -> None:
    """The slots that come with a record hold its key and those of records to come, each of which opens one record only."""
    scribe = Scribe(KEY, "o/w", "w", 10)
    written = [scribe.write(entry(number)) for number in range(150)]
    slots = {
        ahead.first + at: ahead.data[at * SLOT_BYTES : (at + 1) * SLOT_BYTES]
        for _, ahead in written
        if ahead
        for at in range(len(ahead.data) // SLOT_BYTES)
    }
    wrapper, sealer = Wrapper(KEY, "w"), Sealer("w")

    opened = [
        sealer.open_private(record.private, wrapper.key(slots[record.index], record.index), record.index)
        for record, _ in written
    ]

    assert [entry().private] * 150 == [hidden.private for hidden in opened]
    assert len({hidden.salts.source for hidden in opened}) == 150


@pytest.mark.parametrize("broken", [{"exchange": "\ud800"}, {"detail": {"\u00e4": "x"}}, {"time_ns": 10**40}])
def test_an_entry_without_canonical_form_takes_no_index(broken: dict[str, Any]) -> None:
    """What cannot be encoded is refused alone, whether or not keys were drawn for it; the next entry gets index and slot."""
    scribe = Scribe(KEY, "o/w", "w", 0)
    for expected in (0, 1):
        with pytest.raises(AuditError, match="canonical"):
            scribe.write(entry(**broken))
        record, slots = scribe.write(entry())
        assert (expected, expected == 0) == (record.index, slots is not None)


def test_an_entry_that_is_too_long_for_the_log_takes_no_index() -> None:
    """A leaf of more than 65,535 bytes has no place in a bundle, so it is refused."""
    scribe = Scribe(KEY, "o/w", "w", 0)
    room = 0xFFFF - len(scribe.write(entry(detail={"x": ""}))[0].leaf)
    with pytest.raises(AuditError, match="canonical"):
        scribe.write(entry(detail={"x": "y" * (room + 1)}))

    assert len(scribe.write(entry(detail={"x": "y" * room}))[0].leaf) == 0xFFFF
