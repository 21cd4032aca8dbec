"""Records reserved for one write at a time, among the tasks of one worker and among workers."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.errors import Denied
from extproc.protocols.adapter import Reservation
from extproc.reservations import Held, Reservations

HOLDER = """
import asyncio, sys, time
from pathlib import Path
from extproc.protocols.adapter import Reservation
from extproc.reservations import Reservations

async def hold():
    held = await Reservations(Path(sys.argv[1]), time.monotonic).take(Reservation(collection="c", ids=("a",), checked=True))
    print("held", flush=True)
    sys.stdin.readline()
    held.release(done=True)

asyncio.run(hold())
"""


def wanted(*ids: str, collection: str = "c", checked: bool = True) -> Reservation:
    """Return a wish for records; for all of a collection where none is named."""
    return Reservation(collection=collection, ids=ids or None, checked=checked)


class Impatient:
    """Reservations whose clock runs out at the second look, so that nobody waits."""

    def __init__(self, path: Path) -> None:
        self._now = 0.0
        self.reservations = Reservations(path, self._clock)

    def _clock(self) -> float:
        self._now += 1000
        return self._now

    async def has(self, wish: Reservation) -> bool:
        """Whether a wish can be had just now."""
        try:
            held = await self.reservations.take(wish)
        except Denied as denied:
            if denied.code != "record_busy":
                raise
            return False
        held.release(done=True)
        return True


def patient(place: Path) -> Reservations:
    """Return reservations whose clock stands still, so that whoever waits does so for ever."""
    return Reservations(place, lambda: 0.0)


def open_files() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return where records are reserved."""
    return tmp_path / "deep" / "reservations"


@asynccontextmanager
async def holding(place: Path, wish: Reservation) -> AsyncIterator[Held]:
    """Have a reservation."""
    held = await patient(place).take(wish)
    try:
        yield held
    finally:
        held.release(done=True)


@contextmanager
def another_worker(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that has record `a` of the collection `c` until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.mark.parametrize(
    ("had", "wish", "expected"),
    [
        (wanted("a"), wanted("a"), False),
        (wanted("a", "b"), wanted("b", "c"), False),
        (wanted("a"), wanted("b"), True),
        (wanted("a"), wanted("a", collection="d"), True),
        (wanted("a"), wanted("a", checked=False), False),
        (wanted("a", checked=False), wanted("a"), False),
        (wanted("a", checked=False), wanted("a", checked=False), True),
        (wanted("a"), wanted(), False),
        (wanted(), wanted("a"), False),
        (wanted(), wanted(), False),
        (wanted(), wanted(collection="d"), True),
        (wanted(checked=False), wanted(checked=False), True),
        (wanted(checked=False), wanted("a", checked=False), True),
        (wanted(checked=False), wanted("a"), False),
        (wanted(*map(str, range(300))), wanted("beyond"), False),
        (wanted(*map(str, range(200))), wanted("beyond"), True),
    ],
)
async def test_what_may_go_on_at_once(had: Reservation, wish: Reservation, place: Path, *, expected: bool) -> None:
    """Checked writes of a record exclude all others of it; many ids, or none named, are the whole collection."""
    async with holding(place, had):
        assert expected == await Impatient(place).has(wish)

    assert await Impatient(place).has(wish)


IDS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(had=IDS, wish=IDS)
async def test_records_are_had_all_or_none(had: list[str], wish: list[str], place: Path) -> None:
    """A wish that meets another's is refused whole: what it could have had is free afterwards."""
    async with holding(place, wanted(*had)):
        assert await Impatient(place).has(wanted(*wish)) == set(had).isdisjoint(wish)
        for each in set("abcdef") - set(had):
            assert await Impatient(place).has(wanted(each))


async def test_who_waits_gets_it_when_it_is_free(place: Path) -> None:
    """A second write of the same record goes on after the first."""
    order: list[str] = []
    async with holding(place, wanted("a")):
        waiting = asyncio.create_task(patient(place).take(wanted("a")))
        await asyncio.sleep(0.01)
        order.append("first ends")
        assert not waiting.done()
    held = await waiting
    order.append("second goes on")
    held.release(done=True)

    assert order == ["first ends", "second goes on"]


async def test_a_worker_that_is_killed_leaves_nothing_reserved(place: Path) -> None:
    """The kernel gives back what a killed worker had, and until then no other worker gets it."""
    with another_worker(place) as worker:
        assert not await Impatient(place).has(wanted("a"))
        assert await Impatient(place).has(wanted("b"))

        worker.send_signal(signal.SIGKILL)
        worker.wait()

        assert await Impatient(place).has(wanted("a"))


async def test_whoever_wants_the_whole_collection_is_not_starved(place: Path) -> None:
    """While somebody waits for all records, no new write begins; else there would always be one."""
    async with holding(place, wanted("a")):
        waiting = asyncio.create_task(patient(place).take(wanted()))
        await asyncio.sleep(0.01)
        assert not await Impatient(place).has(wanted("b"))
        assert not await Impatient(place).has(wanted("b", checked=False))
        assert not await Impatient(place).has(wanted(checked=False))
    held = await waiting
    held.release(done=True)

    assert await Impatient(place).has(wanted("b"))


async def test_a_wait_that_is_given_up_leaves_nothing(place: Path) -> None:
    """A client that leaves while it waits keeps nobody waiting, and no file stays open."""
    before = open_files()
    for wish in (wanted("a"), wanted()):
        async with holding(place, wanted("a")):
            waiting = asyncio.create_task(patient(place).take(wish))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert await Impatient(place).has(wanted())

    assert open_files() == before


async def test_a_write_that_nobody_saw_end_keeps_its_records_a_little(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come free by themselves after a while, once; to let go again meanwhile changes nothing."""
    later: list[tuple[float, Callable[..., None], int]] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda *call: later.append(call))
    held = await patient(place).take(wanted("a"))
    held.release(done=False)
    held.release(done=True)
    monkeypatch.undo()

    ((seconds, close, file),) = later
    assert seconds > 0
    assert not await Impatient(place).has(wanted("a"))
    close(file)
    assert await Impatient(place).has(wanted("a"))


def test_the_file_is_nobody_elses(place: Path) -> None:
    """Others may neither look at it nor hold it up."""
    held = asyncio.run(patient(place).take(wanted("a")))
    held.release(done=True)

    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777, place.stat().st_size) == (0o600, 0o700, 0)
