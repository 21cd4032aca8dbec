"""A database whose policy is only observed: what is decided is told and not acted on, and that is said again and again.

Nobody should come to rely on a guard that refuses nothing. It counts what would have been refused; it knows no exchange.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from extproc.audit.entry import ENFORCEMENT

_log = logging.getLogger(__name__)

REMIND_EVERY: Final = 600.0
"""Seconds between two reminders."""


class Observation:
    """The observation of one database. `detail` is what its entries say."""

    detail: Final = {ENFORCEMENT: "observe"}

    def __init__(self, database: str) -> None:
        self._database = database
        self._waived = 0

    def waive(self) -> None:
        """Count an exchange that would have been refused."""
        self._waived += 1

    def remind(self) -> None:
        """Say in the log that nothing is enforced, and how much was let through for it since that was said last."""
        waived, self._waived = self._waived, 0
        _log.warning(
            "the policy of database %s is observed, NOT ENFORCED: whoever has a valid token may do everything; "
            "%d requests that it refuses were let through since this was said last",
            self._database,
            waived,
        )

    async def follow(self, *, every: float = REMIND_EVERY) -> None:
        """Remind, now and again, until cancelled."""
        while True:
            self.remind()
            await asyncio.sleep(every)
