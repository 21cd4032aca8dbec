"""Rejected logins: which are written whole, which are counted, and that none is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit.entry import Entry, Private
from extproc.audit.flood import MINUTE_NS, Flood, Tally
from extproc.errors import AuditError

REASONS = ("token_missing", "token_forged")
WHOLE = 3


@dataclass(slots=True)
class Log:
    """Keeps entries; refuses them while `broken`. `now` is the time of the test, nanoseconds."""

    entries: list[Entry] = field(default_factory=list)
    broken: bool = False
    now: int = 0

    async def append(self, entry: Entry, span: object = None) -> int:
        """Keep it."""
        del span
        if self.broken:
            raise AuditError("the disk is full")
        self.entries.append(entry)
        return len(self.entries) - 1

    def told(self) -> Counter[str]:
        """Return how many rejected logins the entries tell of, by reason."""
        told: Counter[str] = Counter()
        for entry in self.entries:
            told[entry.reasons[0]] += int(entry.detail.get("count", "1"))
        return told


def rejected(reason: str = "token_forged", source: str = "10.0.0.1") -> Entry:
    """Return one rejected login."""
    return Entry(kind="login_rejected", time_ns=0, database="kb", reasons=(reason,), private=Private(source=source))


def flooded(log: Log, path: Path) -> Flood:
    """Return a flood before `log`."""
    return Flood(log, {"kb": Tally(path, REASONS)}, whole=WHOLE, clock=lambda: log.now)


async def test_the_first_of_an_address_are_written_whole_and_the_rest_in_one_entry(tmp_path: Path) -> None:
    """Whoever guesses a few times is seen with each guess; whoever guesses for ever costs one entry a minute."""
    log = Log()
    flood = flooded(log, tmp_path / "t")
    for _ in range(10):
        await flood.append(rejected())
    await flood.append(rejected(source="10.0.0.2"))
    await flood.sum_up()

    assert [entry.detail.get("count") for entry in log.entries] == [None] * 3 + [None, "7"]
    assert log.entries[-1].private.sources == {"10.0.0.1": 7}
    assert log.told() == {"token_forged": 11}


async def test_many_addresses_are_bounded_too(tmp_path: Path) -> None:
    """A flood from everywhere is written whole five times as often as one from a single address, and no more."""
    log = Log()
    flood = flooded(log, tmp_path / "t")
    for number in range(1000):
        await flood.append(rejected(source=f"10.0.{number >> 8}.{number & 255}"))
    await flood.sum_up()

    assert len(log.entries) == 5 * WHOLE + 1
    assert len(log.entries[-1].private.sources) == 65
    assert log.entries[-1].private.sources["others"] == 1000 - 5 * WHOLE - 64


async def test_after_a_minute_they_are_written_whole_again(tmp_path: Path) -> None:
    """The allowance comes back."""
    log = Log()
    flood = flooded(log, tmp_path / "t")
    for _ in range(WHOLE + 1):
        await flood.append(rejected())
    log.now = MINUTE_NS
    await flood.append(rejected())

    assert len(log.entries) == WHOLE + 1


async def test_other_entries_are_never_counted(tmp_path: Path) -> None:
    """What a known caller did is on record each time."""
    log = Log()
    flood = flooded(log, tmp_path / "t")
    for _ in range(100):
        await flood.append(Entry(kind="outcome", time_ns=0, database="kb", reasons=("action_not_granted",)))

    assert len(log.entries) == 100


async def test_what_was_counted_outlives_a_worker_that_is_killed(tmp_path: Path) -> None:
    """Another worker of the same name tells what the first had counted."""
    log = Log()
    killed = flooded(log, tmp_path / "t")
    for _ in range(10):
        await killed.append(rejected())
    await flooded(log, tmp_path / "t").sum_up()

    assert log.told() == {"token_forged": 10}


async def test_what_cannot_be_written_stays_counted(tmp_path: Path) -> None:
    """A disk that is full for a while loses no count."""
    log = Log()
    flood = flooded(log, tmp_path / "t")
    for _ in range(10):
        await flood.append(rejected())
    log.broken = True
    with pytest.raises(AuditError):
        await flood.sum_up()
    log.broken = False
    await flood.sum_up()
    await flood.sum_up()

    assert log.told() == {"token_forged": 10}


@given(st.lists(st.tuples(st.sampled_from(REASONS), st.sampled_from("abcdefgh"), st.integers(0, MINUTE_NS), st.booleans())))
async def test_every_login_is_told_of_once(
    tmp_path_factory: pytest.TempPathFactory, logins: list[tuple[str, str, int, bool]]
) -> None:
    """Whatever comes when, and whenever it is summed up: the sums and the entries add up."""
    log = Log()
    flood = flooded(log, tmp_path_factory.mktemp("tally") / "t")
    for reason, source, later, told in logins:
        log.now += later
        await flood.append(rejected(reason, source))
        if told:
            await flood.sum_up()
    await flood.sum_up()

    assert log.told() == Counter(reason for reason, *_ in logins)
