"""How a worker's process uses memory and processors: what it keeps for the next body, and when it lets others run.

It knows nothing of what is served. What a platform does not offer is left as it is.
"""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress
from typing import Final

_COLLECTED_AFTER: Final = (10_000, 20, 50)
"""Objects, then collections of the generation before, after which the garbage collector looks."""

_KEPT_FREE: Final = 256 << 20
"""Bytes of freed memory that stay with the process, and below which a body does not get pages of its own."""

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Parameters of mallopt(3)."""


def keep_freed_memory() -> None:
    """Have the memory of one body serve for the next; clearing new pages is half of what a large one costs the kernel and us.

    A C library without mallopt(3) is left alone.
    """
    with suppress(AttributeError):
        library = ctypes.CDLL(None)
        for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            library.mallopt(parameter, _KEPT_FREE)


def wait_ones_turn() -> None:
    """Have threads of this process that wake wait until others have done their part, so that they find more to do at once.

    sched(7), SCHED_BATCH: messages come in a thread of gRPC's own, whose every waking would interrupt who answers them.
    """
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def settle_objects() -> None:
    """Take what lives as long as the process out of the garbage collector's sight, and have it look for cycles less often.

    An exchange leaves none behind but for its errors; at the usual thresholds the search costs some percent of each.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)
