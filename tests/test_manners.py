"""How a worker's process uses memory and processors; each in a process of its own, for it does not go back."""

from __future__ import annotations

import subprocess
import sys

_BODIES = """
import resource
from extproc.manners import keep_freed_memory
{keep}
for _ in range(3):
    bytearray(b"x") * (32 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(b"x") * (32 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_the_pages_of_one_body_serve_for_the_next() -> None:
    """A body like the one before takes hardly a page from the kernel; without the settling it takes all of them anew."""
    assert faults("keep_freed_memory()") * 10 < faults("")


def faults(keep: str) -> int:
    """Return how many pages ten bodies take from the kernel after three like them."""
    told = subprocess.run([sys.executable, "-c", _BODIES.format(keep=keep)], check=True, capture_output=True, text=True)
    return int(told.stdout)


def test_a_worker_and_its_threads_interrupt_nobody_by_waking() -> None:
    """The process and what it starts are scheduled as a batch."""
    program = (
        "import os, threading\nfrom extproc.manners import wait_ones_turn\nwait_ones_turn()\n"
        "found = []\nthread = threading.Thread(target=lambda: found.append(os.sched_getscheduler(0)))\nthread.start()\n"
        "thread.join()\nprint(found == [os.SCHED_BATCH])"
    )

    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert told.stdout == "True\n"
