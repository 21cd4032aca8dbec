"""Several workers behind one Envoy: work is shared, what one learns all know, and what dies comes back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from extproc.audit.reader import read_leaves, workers
from support.gateway import Gateway, running

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def gateway(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway of two workers in front of the real Chroma."""
    with running(tmp_path_factory.mktemp("workers"), f"http://127.0.0.1:{chroma}", workers=2) as found:
        yield found


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until `condition` holds."""
    for _ in range(400):
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    pytest.fail("waited in vain")


def test_both_workers_decide_and_each_keeps_its_own_log(gateway: Gateway) -> None:
    """Requests reach both, and every leaf says in whose log it stands, without a gap."""
    with gateway.http("reader") as client:

        def both_have_decided() -> bool:
            assert client.get("/api/v2/version").status_code == 200
            logs = [read_leaves(gateway.audit, worker) for worker in workers(gateway.audit)]
            return all(any(leaf.kind == "outcome" for leaf in log) for log in logs)

        wait_for(both_have_decided)

    assert workers(gateway.audit) == ["worker-0", "worker-1"]
    for worker in workers(gateway.audit):
        leaves = list(read_leaves(gateway.audit, worker))
        assert [leaf.index for leaf in leaves] == list(range(len(leaves)))
        assert {leaf.log for leaf in leaves} == {f"vecgate.test/tests/{worker}"}


def test_a_rename_through_one_worker_is_known_to_the_other_at_once(gateway: Gateway) -> None:
    """No worker decides on a name that is no longer the collection's."""
    collection = gateway.chroma("writer").create_collection("before-rename", embedding_function=None)
    for _ in range(10):
        collection.count()  # both workers have the name from now on
    collection.modify(name="after-rename")
    renamed = time.time_ns()
    for _ in range(10):
        collection.count()

    later = [leaf for leaf in read_leaves(gateway.audit) if _nanoseconds(leaf.time) > renamed and leaf.kind == "outcome"]
    counted = [fact.collection for leaf in later for fact in leaf.facts if fact.action == "count"]

    assert counted == ["after-rename"] * 10


def _nanoseconds(text: str) -> int:
    """Return a leaf's time as Unix nanoseconds."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp()) * 10**9 + int(fraction)


@pytest.mark.parametrize("victim", ["worker", "envoy"])
def test_what_is_killed_comes_back_and_traffic_with_it(gateway: Gateway, victim: str) -> None:
    """After `kill -9` of a worker or of Envoy the same gateway serves again, with nobody's help."""
    pid = gateway.envoy() if victim == "envoy" else gateway.workers()[0]

    os.kill(pid, signal.SIGKILL)

    def served() -> bool:
        with gateway.http("reader") as client:
            return all(client.get("/api/v2/version").status_code == 200 for _ in range(6))

    wait_for(lambda: len(gateway.workers()) == 2)
    wait_for(served)
    assert gateway.process.poll() is None
