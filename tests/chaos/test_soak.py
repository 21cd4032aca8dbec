"""The long run in its shortest form, and what it judges by."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from chaos import growth
from chaos.growth import Sample
from chaos.mix import KINDS, Mix
from chaos.soak import Plan, Soak, judge, soak
from support import processes
from support.issuer import TestIssuer


def line(start: int, step: int, *, count: int = 11) -> list[Sample]:
    """Return samples of a process that grows by `step` KiB in 1000 requests."""
    return [Sample(requests=1000 * number, kib=start + step * number) for number in range(count)]


def test_growth_is_that_of_the_second_half() -> None:
    """What a cache takes while it fills is not held against a process, and steady growth is not hidden by it."""
    filled = [Sample(requests=1000 * number, kib=min(number, 5) * 100) for number in range(11)]

    assert growth.slope(growth.second_half(filled)) == 0
    assert growth.slope(growth.second_half(line(50_000, 3))) == pytest.approx(0.003)
    assert growth.slope(growth.second_half(line(50_000, -3))) == pytest.approx(-0.003)


def test_a_process_that_grows_is_named() -> None:
    """The bar is in MiB for 100,000 requests; just below it nothing is said."""
    seen = Soak(rss={"worker": line(80_000, 21), "Envoy": line(80_000, 20)})

    judge(seen, 2.0)

    assert seen.findings == ["worker grows by 2.1 MiB in 100,000 requests"]


def test_the_mix_holds_every_kind() -> None:
    """Each kind of request comes, as one whole request."""
    mix = Mix(TestIssuer(), random.Random(1))  # noqa: S311  # repeatable, no secret
    made = dict(mix.next() for _ in range(600))

    assert made.keys() == KINDS.keys()
    assert all(request.startswith((b"GET /api/v2/", b"POST /api/v2/")) for request in made.values())


def test_memory_and_its_peak_are_those_of_the_process() -> None:
    """What a process takes shows in its resident memory, and in the peak also after it let go of it."""
    pid = int(Path("/proc/self").readlink().name)
    processes.forget_peak(pid)
    before = processes.memory(pid).rss
    taken = bytearray(b"x") * (64 << 20)
    during = processes.memory(pid).rss
    del taken

    assert during - before > 60 << 10
    assert processes.memory(pid).rss - before < 10 << 10
    assert processes.peak(pid) - before > 60 << 10


@pytest.mark.envoy
def test_a_short_run_answers_every_kind_as_it_should(tmp_path: Path) -> None:
    """Every request gets the status of its kind, all four processes are measured, and none is started again."""
    seen = soak(tmp_path, Plan(requests=400, every=200, seconds=90))

    assert seen.findings == []
    assert seen.requests == 400
    assert {name: len(samples) for name, samples in seen.rss.items()} == {
        "worker": 3,
        "its policy's process": 3,
        "its log's process": 3,
        "Envoy": 3,
    }
