"""The process that mirrors a log, as the worker sees it: told what to do, started again, and what it says passed on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from extproc.audit.mirror import Mirror
from extproc.audit.orders import Task
from extproc.companion import Companion
from extproc.errors import SecretMissing
from support.logs import Writer, made
from support.objectstore import ObjectStore, object_store

CHECKPOINT = "r/log/w/checkpoint"


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    """Run a store with one bucket."""
    with object_store() as found:
        found.bucket("evidence")
        yield found


class Beside:
    """What stands around a mirror: which processes it started, and how often somebody had to be told."""

    def __init__(self) -> None:
        self.processes: list[Companion] = []
        self.alerts = 0

    def companion(self) -> Companion:
        """Start the real process."""
        self.processes.append(Companion("extproc.audit.mirroring"))
        return self.processes[-1]

    async def alert(self) -> None:
        """Count."""
        self.alerts += 1

    @asynccontextmanager
    async def mirroring(self, task: Callable[[], Task] | None) -> AsyncIterator[None]:
        """Mirror until the block ends, then close."""
        mirror = Mirror(task, companion=self.companion, alert=self.alert, every=0.05)
        following = asyncio.create_task(mirror.follow())
        try:
            yield
        finally:
            following.cancel()
            await asyncio.wait([following])
            await mirror.close()


async def until(holds: Callable[[], bool]) -> bool:
    """Wait until something holds."""
    for _ in range(1200):
        if await asyncio.to_thread(holds):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_it_brings_what_there_is_and_at_the_end_the_rest(store: ObjectStore, tmp_path: Path) -> None:
    """The last checkpoint is there once it is closed, and one process was enough."""
    writer, beside = Writer(tmp_path), Beside()
    writer.grow(10)
    async with beside.mirroring(lambda: store.task(tmp_path, "evidence")):
        assert await until(lambda: CHECKPOINT in store.objects("evidence"))
        shown = writer.stop().content

    assert store.objects("evidence")[CHECKPOINT] == shown
    assert (len(beside.processes), beside.alerts) == (1, 0)


async def test_a_process_that_ends_is_started_again(store: ObjectStore, tmp_path: Path) -> None:
    """Killed in whatever it does, it leaves a mirror that the next one goes on with."""
    writer, beside = Writer(tmp_path), Beside()
    writer.grow(10)
    async with beside.mirroring(lambda: store.task(tmp_path, "evidence")):
        assert await until(lambda: CHECKPOINT in store.objects("evidence"))
        beside.processes[0].kill()
        shown = writer.grow(400).content
        assert await until(lambda: store.objects("evidence")[CHECKPOINT] == shown)

    assert len(beside.processes) == 2


async def test_a_secret_that_changes_is_passed_on(store: ObjectStore, tmp_path: Path) -> None:
    """The process that runs goes on with what it is told anew; while there is no secret it is told nothing."""
    made(tmp_path, 5)
    store.bucket("second")
    tasks: list[Task] = []
    beside = Beside()

    def task() -> Task:
        if not tasks:
            raise SecretMissing("secret.key")
        return tasks[-1]

    async with beside.mirroring(task):
        tasks.append(store.task(tmp_path, "evidence"))
        assert await until(lambda: CHECKPOINT in store.objects("evidence"))
        tasks.append(store.task(tmp_path, "second"))
        assert await until(lambda: CHECKPOINT in store.objects("second"))

    assert len(beside.processes) == 1


async def test_what_is_in_the_way_is_passed_on(store: ObjectStore, tmp_path: Path) -> None:
    """An object of other bytes alerts whoever started it, once."""
    made(tmp_path, 5)
    store.client.put_object(Bucket="evidence", Key="r/log/w/tile/entries/000.p/7", Body=b"planted")
    beside = Beside()
    async with beside.mirroring(lambda: store.task(tmp_path, "evidence")):
        assert await until(lambda: beside.alerts > 0)
        await asyncio.sleep(0.5)

    assert beside.alerts == 1


async def test_no_process_can_be_had(tmp_path: Path, store: ObjectStore, caplog: pytest.LogCaptureFixture) -> None:
    """It is said, and tried again."""
    made(tmp_path, 5)
    beside = Beside()
    real = beside.companion
    failed: list[int] = []

    def companion() -> Companion:
        if not failed:
            failed.append(1)
            raise OSError(11, "Resource temporarily unavailable")
        return real()

    beside.companion = companion  # type: ignore[method-assign]
    async with beside.mirroring(lambda: store.task(tmp_path, "evidence")):
        assert await until(lambda: CHECKPOINT in store.objects("evidence"))

    assert [each.levelno for each in caplog.records if each.name == "extproc.audit.mirror"] == [logging.ERROR]


async def test_without_a_mirror_nothing_is_started() -> None:
    """A gateway that mirrors nothing has no process for it."""
    beside = Beside()
    async with beside.mirroring(None):
        await asyncio.sleep(0)

    assert beside.processes == []
